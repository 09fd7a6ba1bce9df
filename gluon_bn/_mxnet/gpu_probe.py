"""GPU probe, the subprocess behind :func:`gluon_bn.try_gpu`: runs one kernel and prints the result, as JSON."""
import json

from . import mx, nd


def main(i):
    """Print ``{"num_gpus": n}`` with ``"result"``, a product of two matrices, or ``"failed"``, the error in a line."""
    answer = {'num_gpus': mx.context.num_gpus()}
    if i < answer['num_gpus']:
        try:
            A = nd.array([[1, 2], [3, 4]], ctx=mx.gpu(i))
            B = nd.array([[5, 6], [7, 8]], ctx=mx.gpu(i))
            answer['result'] = nd.dot(A, B).asnumpy().tolist()
        except Exception as error:  # whatever goes wrong on the device is the answer
            lines = str(error).strip().splitlines() or [type(error).__name__]
            answer['failed'] = next((line.strip() for line in lines if 'Error' in line), lines[-1].strip())[:200]
    print(json.dumps(answer), flush=True)
