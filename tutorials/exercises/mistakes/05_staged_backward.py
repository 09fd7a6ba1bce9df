"""Wrong answers to 05_staged_backward: (hint, pieces of the solution and what stands in their place)."""
DVAR = "dvar = -0.5 * (dX_hat * (X - mean)).sum(**over) / std ** 3"
DX = "dX = dX_hat / std + dvar * 2 * (X - mean) / m + dmean / m"
M = "m = X.size // mean.size"
OVER = "over = {'axis': (0, 2, 3) if images else 0, 'keepdims': images}\n    "

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
    ('no-dictionary',
     [("return {'dbeta': dbeta, 'dgamma': dgamma, 'dX_hat': dX_hat, 'dvar': dvar, 'dmean': dmean, 'dX': dX}",
                        "return dX, dgamma, dbeta")]),
    ('no-dictionary', [("'dvar': dvar, ", "")]),
    ('wrong-sum', [("dbeta = dout.sum(**over)", "dbeta = dout.sum(axis=1)")]),
    ('wrong-sum', [("dgamma = (dout * X_hat).sum(**over)", "dgamma = (dout * X_hat).sum(axis=1)")]),
    ('as-dbeta', [("dgamma = (dout * X_hat).sum(**over)", "dgamma = dout.sum(**over)")]),
    ('gamma-for-x-hat', [("dgamma = (dout * X_hat)", "dgamma = (dout * gamma * X_hat)")]),
    ('x-for-x-hat', [("dgamma = (dout * X_hat)", "dgamma = (dout * (X - mean))")]),
    ('std-too-early', [("dX_hat = dout * gamma", "dX_hat = dout * gamma / std")]),
    ('dgamma-for-gamma', [("dX_hat = dout * gamma", "dX_hat = dout * dgamma")]),
    ('dvar-not-centred', [(DVAR, "dvar = -0.5 * (dX_hat * X).sum(**over) / std ** 3")]),
    ('dvar-not-centred', [(DVAR, "dvar = -0.5 * (dX_hat * X_hat).sum(**over) / std ** 3")]),
    ('not-summed', [(DVAR, "dvar = -0.5 * (dX_hat * (X - mean)) / std ** 3")]),
    ('gamma-forgotten', [(DVAR, "dvar = -0.5 * (dout * (X - mean)).sum(**over) / std ** 3")]),
    ('not-summed', [("dmean = -dX_hat.sum(**over) / std", "dmean = -dX_hat / std")]),
    ('dmean-std', [("dmean = -dX_hat.sum(**over) / std", "dmean = -dX_hat.sum(**over)")]),
    ('no-shares', [(DX, "dX = dX_hat / std + dvar * 2 * (X - mean) + dmean")]),
    ('no-std', [(DX, "dX = dX_hat + dvar * 2 * (X - mean) / m + dmean / m")]),
    ('minus', [(DX, "dX = dX_hat / std - dvar * 2 * (X - mean) / m + dmean / m")]),
    ('not-centred', [(DX, "dX = dX_hat / std + dvar * 2 * X / m + dmean / m")]),
    ('other-count', [(DX, "dX = dX_hat / std + dvar * 2 * (X - mean) / (m - 1) + dmean / m")]),
    ('other-count', [(M, "m = X.size")]),
    ('images-m', [(M, "m = len(X) * X.shape[-1] if images else len(X)")]),
    ('images-as-rows', [(OVER + M, "over = {'axis': 0}\n    " + M)]),
    ('changed', [("dX_hat = dout * gamma", "dout *= gamma\n    dX_hat = dout")]),
]
RIGHT = [
    [(DVAR, "dvar = (dX_hat * (X - mean) * -0.5 * (std ** 2) ** -1.5).sum(**over)"),
     ("dgamma = (dout * X_hat).sum(**over)", "dgamma = (dout * (X - mean)).sum(**over) / std")],
    [("dmean = -dX_hat.sum(**over) / std",
      "dmean = (-dX_hat / std).sum(**over) + dvar * (-2 * (X - mean)).mean(**over)"),
     (DX, "dX = dX_hat / std + (2 * dvar * (X - mean) + dmean) / m")],
    [(OVER + M, """if X.ndim == 4:
        channels, to_rows = X.shape[1], lambda x: np.moveaxis(x, 1, -1).reshape(-1, X.shape[1])
        rows = backward(to_rows(dout), {'X': to_rows(X), 'mean': mean.ravel(), 'std': std.ravel(),
                                        'X_hat': to_rows(X_hat), 'gamma': gamma.ravel()})
        last = X.shape[0], X.shape[2], X.shape[3], channels
        return {name: value.reshape(1, -1, 1, 1) if value.ndim == 1 else np.moveaxis(value.reshape(last), -1, 1)
                for name, value in rows.items()}
    over, m = {'axis': 0}, len(X)""")],
    [("dbeta = dout.sum(**over) ",
      "dbeta = np.einsum('nchw->c', dout).reshape(mean.shape) if images else sum(dout)  # ")],
    [(DX, "dX = (m * dX_hat - dX_hat.sum(**over) - X_hat * (dX_hat * X_hat).sum(**over)) / (m * std)"),
     (DVAR, "dvar = np.sum(dX_hat * (X - mean) * -0.5 * std ** -3.0, **over)")],
]
