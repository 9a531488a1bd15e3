"""The jobs of `npm run bench -- train` in JAX: an epoch is one compiled `lax.scan` over its steps.

    python3 bench/peers/jax.py [--net 784,100,50,10] [--batch 128] [--rows 60000] [--epochs 5]
                               [--precision float32|tf32|bfloat16] [--data FOLDER]

Prints a JSON line. Weights are initialized as by Keras, rows are shuffled on the device in every epoch, and the learning rate
is 0.01. The first epoch is a warm-up and is reported as cold.
"""

import sys

# Without this line `import jax` would import this file, which has the name of the package.
sys.path.pop(0)

import argparse
import gzip
import json
import os
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", default="784,100,50,10")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rows", type=int, default=60000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--precision", default="float32", choices=["float32", "tf32", "bfloat16"])
    parser.add_argument("--data", default=os.environ.get("NEURODE_DATA"))
    given = parser.parse_args()
    given.net = [int(size) for size in given.net.split(",")]
    return given


def idx(folder, name, header):
    for path, opener in ((os.path.join(folder, name + ".gz"), gzip.open), (os.path.join(folder, name), open)):
        if os.path.exists(path):
            with opener(path, "rb") as file:
                return np.frombuffer(file.read(), np.uint8, offset=header)
    return None


def data(given):
    """Returns images as bytes, and class indices: MNIST if it is available and fits, else random values. Never zeros."""
    inputs, classes = given.net[0], given.net[-1]
    if given.data and inputs == 784 and classes == 10 and given.rows <= 60000:
        images = idx(given.data, "train-images-idx3-ubyte", 16)
        labels = idx(given.data, "train-labels-idx1-ubyte", 8)
        if images is not None and labels is not None:
            return "mnist", images.reshape(-1, 784)[: given.rows], labels[: given.rows].astype(np.int32)
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (given.rows, inputs), np.uint8)
    return "random", images, random.integers(0, classes, given.rows, np.int32)


def weights(net):
    random = np.random.default_rng(1)
    parameters = []
    for inputs, units in zip(net, net[1:]):
        limit = np.sqrt(6 / (inputs + units))
        kernel = random.uniform(-limit, limit, (inputs, units)).astype(np.float32)
        parameters.append((jnp.asarray(kernel), jnp.zeros(units, jnp.float32)))
    return parameters


def make_epoch(given):
    operands = jnp.bfloat16 if given.precision == "bfloat16" else jnp.float32
    precision = jax.lax.Precision.DEFAULT if given.precision == "tf32" else jax.lax.Precision.HIGHEST

    def product(x, kernel):
        return jnp.matmul(
            x.astype(operands), kernel.astype(operands), precision=precision, preferred_element_type=jnp.float32
        )

    def loss_of(parameters, x, y):
        for kernel, bias in parameters[:-1]:
            x = jax.nn.relu(product(x, kernel) + bias)
        kernel, bias = parameters[-1]
        logits = product(x, kernel) + bias
        losses = jax.nn.logsumexp(logits, axis=1) - jnp.take_along_axis(logits, y[:, None], 1)[:, 0]
        return losses.mean(), (logits.argmax(1) == y).mean()

    @jax.jit
    def epoch(parameters, key, images, labels):
        steps = images.shape[0] // given.batch
        order = jax.random.permutation(key, images.shape[0])[: steps * given.batch].reshape(steps, given.batch)

        def step(parameters, rows):
            x = images[rows].astype(jnp.float32) / 255
            (loss, accuracy), slopes = jax.value_and_grad(loss_of, has_aux=True)(parameters, x, labels[rows])
            return jax.tree.map(lambda p, g: p - 0.01 * g, parameters, slopes), (loss, accuracy)

        parameters, (losses, accuracies) = jax.lax.scan(step, parameters, order)
        return parameters, losses.mean(), accuracies.mean()

    return epoch


def main():
    given = arguments()
    source, images, labels = data(given)
    began = time.perf_counter()
    images, labels, parameters = jnp.asarray(images), jnp.asarray(labels), weights(given.net)
    epoch = make_epoch(given)
    keys = jax.random.split(jax.random.PRNGKey(1), given.epochs + 1)
    parameters, loss, accuracy = jax.block_until_ready(epoch(parameters, keys[0], images, labels))
    cold = time.perf_counter() - began
    seconds = []
    for key in keys[1:]:
        began = time.perf_counter()
        parameters, loss, accuracy = jax.block_until_ready(epoch(parameters, key, images, labels))
        seconds.append(time.perf_counter() - began)
    print(
        json.dumps(
            {
                "bench": "train",
                "peer": f"jax {jax.__version__} lax.scan",
                "device": str(jax.devices()[0].device_kind),
                "net": given.net,
                "batch": given.batch,
                "rows": given.rows,
                "dataset": source,
                "precision": given.precision,
                "coldSeconds": round(cold, 4),
                "medianEpochSeconds": round(statistics.median(seconds), 6),
                "minEpochSeconds": round(min(seconds), 6),
                "microsecondsPerStep": round(1e6 * statistics.median(seconds) / (given.rows // given.batch), 2),
                "loss": round(float(loss), 5),
                "accuracy": round(float(accuracy), 5),
            }
        )
    )


main()
