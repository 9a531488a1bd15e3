"""The jobs of `npm run bench -- train` in PyTorch: eager, compiled, and the whole step as one CUDA graph.

    python3 bench/peers/pytorch.py [--net 784,100,50,10] [--batch 128] [--rows 60000] [--epochs 5]
                                   [--precision float32|tf32|bfloat16] [--data FOLDER] [--device cuda|cpu]

Prints a JSON line for each variant. Weights are initialized as by Keras, rows are shuffled on the device in every epoch, and
the learning rate is 0.01. The first epoch is a warm-up and is reported as cold.
"""

import argparse
import gzip
import json
import os
import statistics
import sys
import time

import torch
from torch import nn


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", default="784,100,50,10")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rows", type=int, default=60000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--precision", default="float32", choices=["float32", "tf32", "bfloat16"])
    parser.add_argument("--data", default=os.environ.get("NEURODE_DATA"))
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args()
    given.net = [int(size) for size in given.net.split(",")]
    return given


def idx(folder, name, header):
    for path, opener in ((os.path.join(folder, name + ".gz"), gzip.open), (os.path.join(folder, name), open)):
        if os.path.exists(path):
            with opener(path, "rb") as file:
                return torch.frombuffer(bytearray(file.read()[header:]), dtype=torch.uint8)
    return None


def data(given):
    """Returns images as bytes, and class indices: MNIST if it is available and fits, else random values. Never zeros."""
    inputs, classes = given.net[0], given.net[-1]
    if given.data and inputs == 784 and classes == 10 and given.rows <= 60000:
        images = idx(given.data, "train-images-idx3-ubyte", 16)
        labels = idx(given.data, "train-labels-idx1-ubyte", 8)
        if images is not None and labels is not None:
            return "mnist", images.view(-1, 784)[: given.rows], labels[: given.rows].long()
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (given.rows, inputs), generator=generator, dtype=torch.uint8)
    return "random", images, torch.randint(0, classes, (given.rows,), generator=generator)


def network(given):
    torch.manual_seed(1)
    modules = []
    for i, (inputs, units) in enumerate(zip(given.net, given.net[1:])):
        layer = nn.Linear(inputs, units)
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
        modules += [layer] if i == len(given.net) - 2 else [layer, nn.ReLU()]
    return nn.Sequential(*modules).to(given.device)


def synchronize(given):
    if given.device == "cuda":
        torch.cuda.synchronize()


class Training:
    """A batch is given by an order of rows and a position in it, both on the device."""

    def __init__(self, given, images, labels):
        self.given = given
        self.model = network(given)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)
        self.images, self.labels = images.to(given.device), labels.to(given.device)
        self.order = torch.randperm(len(labels), device=given.device)
        self.indices = torch.arange(given.batch, device=given.device)
        self.losses = torch.zeros((), device=given.device)
        self.right = torch.zeros((), device=given.device)

    def step(self):
        rows = self.order[self.indices]
        x, y = self.images[rows].float() / 255, self.labels[rows]
        self.optimizer.zero_grad(set_to_none=False)
        with torch.autocast(self.given.device, torch.bfloat16, enabled=self.given.precision == "bfloat16"):
            logits = self.model(x)
        loss = nn.functional.cross_entropy(logits.float(), y)
        loss.backward()
        self.optimizer.step()
        self.losses += loss.detach()
        self.right += (logits.argmax(1) == y).sum()
        self.indices += self.given.batch

    def epoch(self, step):
        self.order.copy_(torch.randperm(len(self.labels), device=self.given.device))
        self.indices.copy_(torch.arange(self.given.batch, device=self.given.device))
        self.losses.zero_()
        self.right.zero_()
        steps = len(self.labels) // self.given.batch
        for _ in range(steps):
            step()
        return self.losses.item() / steps, self.right.item() / (steps * self.given.batch)


def eager(training):
    return training.step


def compiled(training):
    return torch.compile(training.step)


def graphed(training):
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            training.step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        training.step()
    return graph.replay


def measure(given, name, prepare, source, images, labels):
    began = time.perf_counter()
    training = Training(given, images, labels)
    step = prepare(training)
    training.epoch(step)
    synchronize(given)
    cold = time.perf_counter() - began
    seconds = []
    for _ in range(given.epochs):
        began = time.perf_counter()
        loss, accuracy = training.epoch(step)
        synchronize(given)
        seconds.append(time.perf_counter() - began)
    steps = given.rows // given.batch
    return {
        "bench": "train",
        "peer": f"pytorch {torch.__version__} {name}",
        "device": torch.cuda.get_device_name() if given.device == "cuda" else given.device,
        "net": given.net,
        "batch": given.batch,
        "rows": given.rows,
        "dataset": source,
        "precision": given.precision,
        "coldSeconds": round(cold, 4),
        "medianEpochSeconds": round(statistics.median(seconds), 6),
        "minEpochSeconds": round(min(seconds), 6),
        "microsecondsPerStep": round(1e6 * statistics.median(seconds) / steps, 2),
        "loss": round(loss, 5),
        "accuracy": round(accuracy, 5),
    }


def main():
    given = arguments()
    torch.backends.cuda.matmul.allow_tf32 = given.precision == "tf32"
    source, images, labels = data(given)
    ways = {"eager": eager, "compiled": compiled}
    if given.device == "cuda":
        ways["CUDA graph of a step"] = graphed
    measured = 0
    for name, prepare in ways.items():
        try:
            print(json.dumps(measure(given, name, prepare, source, images, labels)), flush=True)
            measured += 1
        except Exception as error:  # a variant that fails here must not stop the others
            print(json.dumps({"peer": f"pytorch {name}", "error": str(error).splitlines()[:1]}), flush=True)
    if measured == 0:
        sys.exit("pytorch: nothing of it works here")


main()
