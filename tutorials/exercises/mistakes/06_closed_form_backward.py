"""Wrong answers to 06_closed_form_backward: (hint, pieces of the solution and what stands in their place)."""
FRONT = "gamma / (len(dout) * std)"
BRACKET = "(len(dout) * dout - dout.sum(axis=0) - X_hat * (dout * X_hat).sum(axis=0))"
LAYER = "return (D * dX_hat - first - X_hat * second) / (D * std)"

MISTAKES = [
    ('no-variance-term', [(BRACKET, "(len(dout) * dout - dout.sum(axis=0))")]),
    ('no-mean-term', [(BRACKET, "(len(dout) * dout - X_hat * (dout * X_hat).sum(axis=0))")]),
    ('constants', [(BRACKET, "len(dout) * dout")]),
    ('gamma-forgotten', [(FRONT, "1 / (len(dout) * std)")]),
    ('m-in-front', [(FRONT, "gamma / std")]),
    ('m-in-bracket', [(BRACKET, "(dout - dout.sum(axis=0) - X_hat * (dout * X_hat).sum(axis=0))")]),
    ('bracket-lost', [(FRONT + " * ", "gamma / std * "),
                      (BRACKET, "dout - dout.mean(axis=0) - X_hat * (dout * X_hat).mean(axis=0)")]),
    ('other-count', [(FRONT, "gamma / ((len(dout) - 1) * std)"), (
        BRACKET, "((len(dout) - 1) * dout - dout.sum(axis=0) - X_hat * (dout * X_hat).sum(axis=0))")]),
    ('factor-X-hat', [(BRACKET, "(len(dout) * dout - dout.sum(axis=0) - (X_hat * dout * X_hat).sum(axis=0))")]),
    ('bracket-lost', [(LAYER, "return dX_hat / std - first / D - X_hat * second / D")]),
    ('factor-X-hat', [(", (dX_hat * X_hat).sum", ", (dX_hat * X_hat ** 2).sum"),
                      (LAYER, "return (D * dX_hat - first - second) / (D * std)")]),
    ('plus', [(BRACKET, "(len(dout) * dout - dout.sum(axis=0) + X_hat * (dout * X_hat).sum(axis=0))")]),
    ('by-variance', [(FRONT, "gamma / (len(dout) * std ** 2)")]),
    ('per-row', [(BRACKET, "(len(dout) * dout - dout.sum(axis=1, keepdims=True)\n"
                           "                                        "
                           "- X_hat * (dout * X_hat).sum(axis=1, keepdims=True))")]),
    ('sums-without-m', [(FRONT, "gamma / std"),
                        (BRACKET, "(dout - dout.sum(axis=0) - X_hat * (dout * X_hat).sum(axis=0))")]),
    ('gamma-twice', [(FRONT, "gamma ** 2 / (len(dout) * std)")]),
    ('times-std', [(FRONT, "gamma * std / len(dout)")]),
    ('gamma-outside', [("dX_hat = len(gamma), dout * gamma ", "dX_hat = len(gamma), dout "),
                       ("return (D * dX_hat - first - X_hat * second)",
                        "return gamma * (D * dX_hat - first - X_hat * second)")]),
    ('gamma-forgotten', [("dX_hat = len(gamma), dout * gamma ", "dX_hat = len(gamma), dout ")]),
    ('m-for-D', [("D, dX_hat = len(gamma)", "D, dX_hat = len(dout)")]),
    ('per-column', [("first, second = dX_hat.sum(axis=1, keepdims=True), (dX_hat * X_hat).sum(axis=1, keepdims=True)",
                     "first, second = dX_hat.sum(axis=0), (dX_hat * X_hat).sum(axis=0)"),
                    ("D, dX_hat = len(gamma)", "D, dX_hat = len(dout)")]),
    ('loop', [("    return gamma", "    for _ in range(2):\n        pass\n    return gamma")]),
    ('times-std', [(FRONT, "gamma / len(dout)")]),
    ('one-sum-without-m', [(FRONT, "gamma / std"),
                           (BRACKET, "(dout - dout.mean(axis=0) - X_hat * (dout * X_hat).sum(axis=0))")]),
    ('factor-X-hat', [(BRACKET, "(len(dout) * dout - dout.sum(axis=0) - (dout * X_hat).sum(axis=0))")]),
    ('factor-X-hat', [(BRACKET, "(len(dout) * dout - dout.sum(axis=0) - X_hat * dout.sum(axis=0))")]),
    ('total', [(BRACKET, "(len(dout) * dout - dout.sum() - X_hat * (dout * X_hat).sum())")]),
    ('other-count', [(FRONT, "gamma / ((len(dout) - 1) * std)")]),
    ('other-count', [(FRONT, "gamma / (dout.shape[1] * std)"),
                     (BRACKET, "(dout.shape[1] * dout - dout.sum(axis=0) - X_hat * (dout * X_hat).sum(axis=0))")]),
    ('negative', [(FRONT, "-gamma / (len(dout) * std)")]),
    ('gamma-in-one-term',
     [(BRACKET, "(len(dout) * dout - dout.sum(axis=0) - gamma * X_hat * (dout * X_hat).sum(axis=0))")]),
    ('gamma-in-one-term', [("first, second = dX_hat.sum(axis=1, keepdims=True), (dX_hat * X_hat)",
                            "first, second = dout.sum(axis=1, keepdims=True), (dout * X_hat)")]),
    ('sums-without-D', [(LAYER, "return (dX_hat - first - X_hat * second) / std")]),
    ('D-in-front', [(LAYER, "return (D * dX_hat - first - X_hat * second) / std")]),
    ('plus', [(LAYER, "return (D * dX_hat - first + X_hat * second) / (D * std)")]),
    ('changed', [("    return gamma", "    dout *= 1.5\n    dout /= 1.5 + 1e-9\n    return gamma")]),
    ('loop', [("    return gamma", "    return np.array([row for row in _rows(dout, X_hat, gamma, std)])\n\n\n"
                                   "def _rows(dout, X_hat, gamma, std):\n    return gamma")]),
    ('means-and-m', [("(len(dout) * dout - dout.sum(axis=0) - X_hat * (dout * X_hat).sum(axis=0))",
                      "(len(dout) * dout - dout.mean(axis=0) - X_hat * (dout * X_hat).mean(axis=0))")]),
    ('factor-X-hat', [("(len(dout) * dout - dout.sum(axis=0) - X_hat * (dout * X_hat).sum(axis=0))",
                       "(len(dout) * dout - X_hat * dout.sum(axis=0) - (dout * X_hat).sum(axis=0))")]),
    ('factor-X-hat', [("return (D * dX_hat - first - X_hat * second) / (D * std)",
                       "return (D * dX_hat - X_hat * first - second) / (D * std)")]),
    ('per-column', [("first, second = dX_hat.sum(axis=1, keepdims=True), (dX_hat * X_hat).sum(axis=1, "
                     "keepdims=True)",
                     "first, second = dX_hat.sum(axis=0), (dX_hat * X_hat).sum(axis=0)")]),
    ('broadcast', [("first, second = dX_hat.sum(axis=1, keepdims=True), (dX_hat * X_hat).sum(axis=1, "
                    "keepdims=True)",
                    "first, second = dX_hat.sum(axis=1), (dX_hat * X_hat).sum(axis=1)")]),
    ('factor-X-hat', [("(len(dout) * dout - dout.sum(axis=0) - X_hat * (dout * X_hat).sum(axis=0))",
                       "(len(dout) * dout - dout.sum(axis=0) - dout * (dout * X_hat).sum(axis=0))")]),
    ('times-std', [("return (D * dX_hat - first - X_hat * second) / (D * std)",
                    "return (D * dX_hat - first - X_hat * second) / D")]),
    ('negative', [("return (D * dX_hat - first - X_hat * second) / (D * std)",
                   "return -(D * dX_hat - first - X_hat * second) / (D * std)")]),
    ('affine', [("gamma / (len(dout) * std)", "gamma / (len(dout) * np.sqrt(std))")]),
    ('std-in-bracket', [("return gamma / (len(dout) * std) * (len(dout) * dout - dout.sum(axis=0) - X_hat * (dout * "
                         "X_hat).sum(axis=0))",
                         "return gamma / (len(dout) * std) * (len(dout) * dout - dout.sum(axis=0) - X_hat * (dout * "
                         "X_hat).sum(axis=0) / std)")]),
    ('bracket-lost', [("return gamma / (len(dout) * std) * (len(dout) * dout - dout.sum(axis=0) - X_hat * (dout * "
                       "X_hat).sum(axis=0))",
                       "return gamma / (len(dout) * std) * len(dout) * dout - dout.sum(axis=0) - X_hat * (dout * "
                       "X_hat).sum(axis=0)")]),
    ('two-in-bracket', [("return gamma / (len(dout) * std) * (len(dout) * dout - dout.sum(axis=0) - X_hat * (dout * "
                         "X_hat).sum(axis=0))",
                         "return gamma / (len(dout) * std) * (len(dout) * dout - dout.sum(axis=0) - X_hat * (dout * "
                         "X_hat).sum(axis=0) * 2)")]),
    ('gamma-twice', [("return (D * dX_hat - first - X_hat * second) / (D * std)",
                      "return (D * dX_hat - first - X_hat * second) / (D * std) * gamma")]),
]
RIGHT = [
    [("    return gamma / (len(dout) * std)", "    m = dout.shape[0]\n    return gamma / (m * std)")],
    [(FRONT, "gamma / std"), (BRACKET, "(dout - dout.mean(axis=0) - X_hat * (dout * X_hat).mean(axis=0))"),
     (LAYER, "return (dX_hat - (first + X_hat * second) / D) / std")],
    [("    return gamma / (len(dout) * std)", "    dbeta, dgamma = dout.sum(axis=0), (dout * X_hat).sum(axis=0)\n"
      "    return gamma / std * (dout - (dbeta + X_hat * dgamma) / len(dout))\n    return gamma / (len(dout) * std)"),
     (LAYER, "return backward(dX_hat.T, X_hat.T, 1, std.T).T")],
    [("    return gamma / (len(dout) * std)", "    m = len(dout)\n    means = np.einsum('ij->j', dout) / m, "
      "np.einsum('ij,ij->j', dout, X_hat) / m\n    return gamma / std * (dout - means[0] - X_hat * means[1])\n"
      "    return gamma / (len(dout) * std)")],
    [(LAYER, "return _core(dX_hat, X_hat, std, 1)\n\n\ndef _core(dX_hat, X_hat, std, axis):\n"
             "    over = {'axis': axis, 'keepdims': True}\n"
             "    return (dX_hat - dX_hat.mean(**over) - X_hat * (dX_hat * X_hat).mean(**over)) / std")],
    [("    return gamma / (len(dout) * std)",
      "    m = len(dout)\n    P = np.eye(m) - np.ones((m, m)) / m\n    return gamma / std * (P @ dout - X_hat "
      "* (dout * X_hat).mean(axis=0))\n    return gamma / (len(dout) * std)"),
     ("return (D * dX_hat - first - X_hat * second) / (D * std)",
      "return (dX_hat - np.einsum('ij->i', dX_hat)[:, None] / D - X_hat * np.einsum('ij,ij->i', dX_hat, "
      "X_hat)[:, None] / D) / std")],
    [("    return gamma / (len(dout) * std)",
      "    g = dout * gamma / std\n    return g - g.mean(0) - X_hat * np.mean(g * X_hat, 0)\n    return gamma "
      "/ (len(dout) * std)"),
     ("return (D * dX_hat - first - X_hat * second) / (D * std)",
      "return ((dX_hat - first / D) - X_hat * (second / D)) / std")],
    [("return gamma / (len(dout) * std) * (len(dout) * dout - dout.sum(axis=0) - X_hat * (dout * X_hat).sum(axis=0))",
      "scale = gamma / std\n    dX = dout * scale\n    dX = dX - scale * dout.mean(axis=0)\n    return dX - scale * "
      "X_hat * np.mean(dout * X_hat, axis=0)"),
     ("return (D * dX_hat - first - X_hat * second) / (D * std)",
      "Q = np.eye(D) - 1 / D\n    return (dX_hat @ Q - X_hat * second / D) / std")],
    [("return gamma / (len(dout) * std) * (len(dout) * dout - dout.sum(axis=0) - X_hat * (dout * X_hat).sum(axis=0))",
      "A = np.stack([np.ones_like(X_hat), X_hat])\n    return gamma / std * (dout - np.einsum('kij,kj->ij', A, "
      "np.einsum('kij,ij->kj', A, dout)) / len(dout))")],
]
