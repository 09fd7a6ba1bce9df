"""Wrong answers to 06_closed_form_backward: (hint, pieces of the solution and what stands in their place)."""
FRONT = "gamma / (len(dout) * std)"
BRACKET = "(len(dout) * dout - dout.sum(axis=0) - X_hat * (dout * X_hat).sum(axis=0))"

MISTAKES = [
    ('no-variance-term', [(BRACKET, "(len(dout) * dout - dout.sum(axis=0))")]),
    ('no-mean-term', [(BRACKET, "(len(dout) * dout - X_hat * (dout * X_hat).sum(axis=0))")]),
    ('constants', [(BRACKET, "len(dout) * dout")]),
    ('gamma-forgotten', [(FRONT, "1 / (len(dout) * std)")]),
    ('m-in-front', [(FRONT, "gamma / std")]),
    ('m-in-bracket', [(BRACKET, "(dout - dout.sum(axis=0) - X_hat * (dout * X_hat).sum(axis=0))")]),
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
]
RIGHT = [
    [("    return gamma / (len(dout) * std)", "    m = dout.shape[0]\n    return gamma / (m * std)")],
    [(FRONT, "gamma / std"), (BRACKET, "(dout - dout.mean(axis=0) - X_hat * (dout * X_hat).mean(axis=0))"),
     ("return (D * dX_hat - first - X_hat * second) / (D * std)", "return (dX_hat - (first + X_hat * second) / D) / std")],
]
