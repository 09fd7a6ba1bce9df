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
    ('statements', [("    return gamma", "    m = len(dout)\n    return 0 * m + gamma")]),
]
