"""The bench's networks in PyTorch, eager: `python3 torch.py JOB`, then one request a line and one answer a line, in JSON.

A job is a file with the network's config, the names and shapes of its parameters and inputs, and where their values are.
"""
import json
import math
import os
import resource
import sys
import time

# Not from this folder, where this file is named like the package.
sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != os.path.dirname(os.path.abspath(__file__))]
import numpy
import torch
import torch.nn.functional as F


class Scope:
    """Parameters by path, as the library names them."""

    def __init__(self, tensors, path=""):
        self.tensors, self.path = tensors, path

    def at(self, name):
        return Scope(self.tensors, f"{self.path}{name}/")

    def __getitem__(self, name):
        return self.tensors[self.path + name]

    def __contains__(self, name):
        return self.path + name in self.tensors


def linear(s, x):
    return F.linear(x, s["weight"], s["bias"])


def conv(s, x):
    weight = s["weight"]
    return F.conv2d(x, weight, s["bias"], padding=weight.shape[-1] // 2)


def norm(s, x, groups=None, eps=1e-5):
    return F.group_norm(x, groups or min(32, x.shape[1] // 4), s["weight"], s["bias"], eps)


def attention(q, k, v):
    """Each [N, d, L]; the result too."""
    weights = torch.bmm((q * (1 / math.sqrt(q.shape[1]))).transpose(1, 2), k).softmax(2)
    return torch.bmm(v, weights.transpose(1, 2))


def up(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


def down(x):
    return F.avg_pool2d(x, 2)


# The network of the library's bench.


def bench_unet(s, config, x, time):
    embedding = F.silu(linear(s.at("time1"), F.silu(linear(s.at("time0"), time))))

    def block(s, y, level):
        h = bench_residual(s, y, embedding)
        return bench_attend(s.at("attention"), h) if level == 2 else h

    h = conv(s.at("in"), x)
    skips = [h]
    for level in range(3):
        if level > 0:
            h = down(h)
            skips.append(h)
        for i in range(2):
            h = block(s.at(f"down{level}_{i}"), h, level)
            skips.append(h)
    h = bench_residual(s.at("middle0"), h, embedding)
    h = bench_attend(s.at("middle_attention"), h)
    h = bench_residual(s.at("middle1"), h, embedding)
    for level in (2, 1, 0):
        for i in range(3):
            h = block(s.at(f"up{level}_{i}"), torch.cat([h, skips.pop()], 1), level)
        if level > 0:
            h = conv(s.at(f"up{level}"), up(h))
    return conv(s.at("out"), F.silu(norm(s.at("out_norm"), h)))


def bench_residual(s, x, embedding):
    h = conv(s.at("conv0"), F.silu(norm(s.at("norm0"), x)))
    h = h + linear(s.at("embedding"), embedding)[:, :, None, None]
    h = conv(s.at("conv1"), F.silu(norm(s.at("norm1"), h)))
    skip = s.at("skip")
    return h + (conv(skip, x) if "weight" in skip else x)


def bench_attend(s, x):
    q, k, v = conv(s.at("qkv"), norm(s.at("norm"), x)).flatten(2).chunk(3, 1)
    return x + conv(s.at("proj"), attention(q, k, v).reshape(x.shape))


def bench_mlp(s, config, x, time):
    h = torch.cat([x, time], 1)
    for i in range(config["layers"]):
        h = F.silu(linear(s.at(f"layer{i}"), h))
    return linear(s.at("out"), h)


# The library's U-Nets, as far as the bench uses their options.


def waves(x, frequencies):
    angles = x[:, None] * frequencies[None]
    return angles.cos(), angles.sin()


def residual(s, x, embedding, *, resample=None, groups=None, eps=1e-5, scale_shift=False, skip_scale=1.0, heads=None, order=None):
    """One block of either U-Net; `heads` is a function of the channels, or None for no attention."""
    def normed(name, y):
        return norm(s.at(name), y, groups, eps)

    h = F.silu(normed("norm0", x))
    h = conv(s.at("conv0"), resample(h) if resample else h)
    told = linear(s.at("affine"), embedding)[:, :, None, None]
    if scale_shift:
        scale, shift = told.chunk(2, 1)
        h = torch.addcmul(shift, normed("norm1", h), scale + 1)
    else:
        h = normed("norm1", h + told)
    h = conv(s.at("conv1"), F.silu(h))
    y = resample(x) if resample else x
    skip = s.at("skip")
    y = (h + (conv(skip, y) if "weight" in skip else y)) * skip_scale
    if heads is None:
        return y
    batch, channels, height, width = y.shape
    n = heads(channels)
    qkv = conv(s.at("qkv"), normed("norm2", y))
    if order == "interleaved":
        q, k, v = qkv.reshape(batch * n, channels // n, 3, height * width).unbind(2)
    else:
        q, k, v = qkv.reshape(batch * n, 3, channels // n, height * width).unbind(1)
    return (y + conv(s.at("proj"), attention(q, k, v).reshape(y.shape))) * skip_scale


def song_unet(s, config, x, noise):
    base = config["modelChannels"]
    channels = [base * mult for mult in config["channelMult"]]
    frequencies = 10000 ** (-torch.arange(base // 2) / (base // 2 - 1))
    cos, sin = waves(noise, frequencies)
    embedding = F.silu(linear(s.at("map_layer0"), torch.cat([sin, cos], 1)))
    embedding = F.silu(linear(s.at("map_layer1"), embedding))

    def block(s, x, attended=False, **options):
        heads = (lambda _: 1) if attended else None
        scale = math.sqrt(0.5)
        return residual(s, x, embedding, eps=1e-6, skip_scale=scale, heads=heads, order="interleaved", **options)

    size = x.shape[-1]

    def named(part, level):
        return lambda name: s.at(f"{part}/{size >> level}x{size >> level}_{name}")

    h = conv(named("enc", 0)("conv"), x)
    skips = [h]
    for level in range(len(channels)):
        at, attended = named("enc", level), size >> level == 16
        if level > 0:
            h = block(at("down"), h, resample=down)
            skips.append(h)
        for i in range(config["numBlocks"]):
            h = block(at(f"block{i}"), h, attended)
            skips.append(h)
    for level in reversed(range(len(channels))):
        at, attended = named("dec", level), size >> level == 16
        if level == len(channels) - 1:
            h = block(at("in1"), block(at("in0"), h, True))
        else:
            h = block(at("up"), h, resample=up)
        for i in range(config["numBlocks"] + 1):
            h = block(at(f"block{i}"), torch.cat([h, skips.pop()], 1), attended and i == config["numBlocks"])
    at = named("dec", 0)
    return conv(at("aux_conv"), F.silu(norm(at("aux_norm"), h, eps=1e-6)))


def adm_unet(s, config, x, noise):
    base = config["modelChannels"]
    channels = [base * mult for mult in config["channelMult"]]
    cos, sin = waves(noise, 10000 ** (-torch.arange(base // 2) / (base // 2)))
    embedding = F.silu(linear(s.at("map_layer0"), torch.cat([cos, sin], 1)))
    embedding = F.silu(linear(s.at("map_layer1"), embedding))

    def block(s, x, attended=False, **options):
        heads = (lambda channels: max(channels // 64, 1)) if attended else None
        return residual(s, x, embedding, groups=32, scale_shift=True, heads=heads, order="legacy", **options)

    size = x.shape[-1]

    def named(part, level):
        return lambda name: s.at(f"{part}/{size >> level}x{size >> level}_{name}")

    def attended(level):
        return 2**level in config["attentionDownsampleFactors"]

    h = conv(named("enc", 0)("conv"), x)
    skips = [h]
    for level in range(len(channels)):
        at = named("enc", level)
        if level > 0:
            h = block(at("down"), h, resample=down)
            skips.append(h)
        for i in range(config["numResBlocks"]):
            h = block(at(f"block{i}"), h, attended(level))
            skips.append(h)
    at = named("dec", len(channels) - 1)
    h = block(at("in1"), block(at("in0"), h, True))
    for level in reversed(range(len(channels))):
        at = named("dec", level)
        if level < len(channels) - 1:
            h = block(at("up"), h, resample=up)
        for i in range(config["numResBlocks"] + 1):
            h = block(at(f"block{i}"), torch.cat([h, skips.pop()], 1), attended(level))
    return conv(s.at("out_conv"), F.silu(norm(s.at("out_norm"), h, 32)))


networks = {"bench-unet": bench_unet, "bench-mlp": bench_mlp, "song-unet": song_unet, "adm-unet": adm_unet}


def peak_bytes():
    """The most memory this process has held. (getrusage would count the parent's from before exec.)"""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class Engine:
    def __init__(self, job):
        torch.set_num_threads(job["threads"])
        config = job["network"]["config"]
        network = networks[config["type"]]
        layout = torch.channels_last if job["layout"] == "channels_last" else torch.contiguous_format

        def laid(x):
            return x.contiguous(memory_format=layout) if x.dim() == 4 else x

        flat = torch.from_numpy(numpy.fromfile(job["weights"], dtype=numpy.float32))
        sizes = [math.prod(shape) for _, shape in job["parameters"]]
        self.tensors = {
            path: laid(part.reshape(shape).clone()).requires_grad_()
            for (path, shape), part in zip(job["parameters"], flat.split(sizes))
        }
        self.inputs = {
            name: laid(torch.from_numpy(numpy.fromfile(path, dtype=numpy.float32)).reshape(shape))
            for name, (path, shape) in job["inputs"].items()
        }
        self.target = self.inputs.pop("target")
        self.optimizer = torch.optim.Adam(self.tensors.values(), lr=job["lr"])
        self.forward_pass = lambda: network(Scope(self.tensors), config, **self.inputs)

    def versions(self, _):
        return {"name": f"PyTorch {torch.__version__}"}

    def step(self, request):
        losses = []
        started = time.perf_counter()
        for _ in range(request["count"]):
            self.optimizer.zero_grad(set_to_none=True)
            loss = F.mse_loss(self.forward_pass(), self.target)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return {"seconds": time.perf_counter() - started, "losses": losses}

    def forward(self, request):
        started = time.perf_counter()
        with torch.inference_mode():
            for _ in range(request["count"]):
                y = self.forward_pass()
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "mean": y.square().mean().item()}

    def matmul(self, request):
        a, b = (torch.full([request["size"]] * 2, value) for value in (0.5, 0.25))
        seconds = []
        for _ in range(4):
            started = time.perf_counter()
            a @ b
            seconds.append(time.perf_counter() - started)
        return {"flopsPerSecond": 2 * request["size"] ** 3 / min(seconds)}

    def memory(self, _):
        return {"bytes": peak_bytes()}


with open(sys.argv[1]) as file:
    engine = Engine(json.load(file))
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps(getattr(engine, request["do"])(request)), flush=True)
