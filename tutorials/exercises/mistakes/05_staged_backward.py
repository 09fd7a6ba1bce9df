"""Wrong answers to 05_staged_backward: (hint, pieces of the solution and what stands in their place)."""
DVAR = "dvar = -0.5 * (dX_hat * (X - mean)).sum(**over) / std ** 3"
DX = "dX = dX_hat / std + dvar * 2 * (X - mean) / m + dmean / m"
M = "m = X.size // mean.size"

MISTAKES = [
    ('not-summed', [("dbeta = dout.sum(**over)", "dbeta = dout")]),
    ('batch-mean', [("dgamma = (dout * X_hat).sum(**over)", "dgamma = (dout * X_hat).mean(**over)")]),
    ('x-for-x-hat', [("dgamma = (dout * X_hat)", "dgamma = (dout * X)")]),
    ('gamma-forgotten', [("dX_hat = dout * gamma", "dX_hat = dout")]),
    ('dvar-sign', [(DVAR, "dvar = 0.5 * (dX_hat * (X - mean)).sum(**over) / std ** 3")]),
    ('dvar-half', [(DVAR, "dvar = -(dX_hat * (X - mean)).sum(**over) / std ** 3")]),
    ('dvar-power', [(DVAR, "dvar = -0.5 * (dX_hat * (X - mean)).sum(**over) / std")]),
    ('dvar-power', [(DVAR, "dvar = -0.5 * (dX_hat * (X - mean)).sum(**over) / std ** 2")]),
    ('dmean-sign', [("dmean = -dX_hat", "dmean = dX_hat")]),
    ('no-variance-term', [(DX, "dX = dX_hat / std + dmean / m")]),
    ('no-mean-term', [(DX, "dX = dX_hat / std + dvar * 2 * (X - mean) / m")]),
    ('constants', [(DX, "dX = dX_hat / std")]),
    ('no-two', [(DX, "dX = dX_hat / std + dvar * (X - mean) / m + dmean / m")]),
    ('no-mean-share', [(DX, "dX = dX_hat / std + dvar * 2 * (X - mean) / m + dmean")]),
    ('no-variance-share', [(DX, "dX = dX_hat / std + dvar * 2 * (X - mean) + dmean / m")]),
    ('images-m', [(M, "m = X.shape[0]")]),
]
RIGHT = [
    [(DVAR, "dvar = (dX_hat * (X - mean) * -0.5 * (std ** 2) ** -1.5).sum(**over)"),
     ("dgamma = (dout * X_hat).sum(**over)", "dgamma = (dout * (X - mean)).sum(**over) / std")],
    [("dmean = -dX_hat.sum(**over) / std",
      "dmean = (-dX_hat / std).sum(**over) + dvar * (-2 * (X - mean)).mean(**over)"),
     (DX, "dX = dX_hat / std + (2 * dvar * (X - mean) + dmean) / m")],
]
