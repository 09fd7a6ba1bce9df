"""What batch norm does to the loss as a function of the parameters, after Santurkar et al. (2018).

``measures`` defines what is measured, ``noise`` disturbs a network behind its batch norms, ``step`` measures around one
step of training, ``runs`` trains and measures; ``numbers``, ``figures`` and ``report`` say what came out.
"""
