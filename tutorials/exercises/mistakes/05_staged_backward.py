"""Wrong answers to 05_staged_backward: (hint, pieces of the solution and what stands in their place)."""
DVAR = "dvar = -0.5 * (dX_hat * (X - mean)).sum(axis=0) / std ** 3"
DX = "dX = dX_hat / std + dvar * 2 * (X - mean) / m + dmean / m"

MISTAKES = [
    ('not-summed', [("dbeta = dout.sum(axis=0)", "dbeta = dout")]),
    ('batch-mean', [("dgamma = (dout * X_hat).sum(axis=0)", "dgamma = (dout * X_hat).mean(axis=0)")]),
    ('x-for-x-hat', [("dgamma = (dout * X_hat)", "dgamma = (dout * X)")]),
    ('gamma-forgotten', [("dX_hat = dout * gamma", "dX_hat = dout")]),
    ('dvar-sign', [(DVAR, "dvar = 0.5 * (dX_hat * (X - mean)).sum(axis=0) / std ** 3")]),
    ('dvar-half', [(DVAR, "dvar = -(dX_hat * (X - mean)).sum(axis=0) / std ** 3")]),
    ('dvar-power', [(DVAR, "dvar = -0.5 * (dX_hat * (X - mean)).sum(axis=0) / std")]),
    ('dmean-sign', [("dmean = -dX_hat", "dmean = dX_hat")]),
    ('no-variance-term', [(DX, "dX = dX_hat / std + dmean / m")]),
    ('no-mean-term', [(DX, "dX = dX_hat / std + dvar * 2 * (X - mean) / m")]),
    ('constants', [(DX, "dX = dX_hat / std")]),
    ('no-two', [(DX, "dX = dX_hat / std + dvar * (X - mean) / m + dmean / m")]),
]
