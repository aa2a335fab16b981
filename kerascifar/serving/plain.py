"""The net as it is exported: plain Keras layers in float32, with named input and output."""

from collections.abc import Callable
from typing import Any


def plain(model: Any) -> Any:
    """Return a net that computes what `model` does, from {"pixels": uint8} to {"logits": float32}.

    Layers of ours that only make training faster become the Keras layers that they replace, because they take space in
    a file: Rescaling repeats its numbers for each pixel, PairedConv2D holds its kernel twice. A net trained in half
    precision computes in float32 from the same weights: few runtimes support bfloat16.
    """
    import keras

    from kerascifar import layers

    replacements = {
        layers.AveragePooling2D: keras.layers.AveragePooling2D,
        layers.PairedConv2D: keras.layers.Conv2D,
        layers.Rescaling: keras.layers.Rescaling,
        layers.SmallMapConv2D: keras.layers.Conv2D,
    }

    def copied(layer: Any) -> Any:
        settings = {**layer.get_config(), "dtype": "float32"}
        return replacements.get(type(layer), type(layer)).from_config(settings)

    net = _rebuilt(model, copied)
    return keras.Model(net.input, {"logits": net.output}, name=model.name)


def builtin(model: Any) -> Any:
    """Return a net that computes what `model` does, made of Keras's own layers alone: any Keras 3 reads it.

    Give it what plain() returns. Initialisers, which a trained net needs no more, are Keras's defaults.

    Raises ValueError: a layer is neither Keras's nor one of ours, as in a net that a plugin brings along.
    """
    import keras

    from kerascifar import layers

    # Our layer: Keras's, and the settings that differ; None leaves one out.
    replacements = {
        layers.BatchNormalization: (keras.layers.BatchNormalization, {}),
        layers.GELU: (keras.layers.Activation, {"activation": "gelu"}),  # the exact one, not its approximation
        layers.PatchWhitening: (keras.layers.Conv2D, {"epsilon": None}),
    }

    def copied(layer: Any) -> Any:
        own, changes = replacements.get(type(layer), (type(layer), {}))
        if own.__module__.partition(".")[0] != "keras":
            raise ValueError(f"its layer {layer.name} is a {own.__name__}, which Keras does not have")
        settings = {k: v for k, v in layer.get_config().items() if not k.endswith("_initializer")} | changes
        settings["name"] = layer.name.replace(".", "_")  # Keras on PyTorch has no names with a dot
        return own.from_config({k: v for k, v in settings.items() if k not in changes or v is not None})

    net = _rebuilt(model, copied)
    return keras.Model(net.input, net.outputs[0], name=model.name)


def _rebuilt(model: Any, copied: Callable[[Any], Any]) -> Any:
    """Return a net of the layers that `copied` makes of the model's, with the same weights."""
    import keras

    net = keras.models.clone_model(model, clone_function=copied)
    for old, new in zip(model.layers, net.layers, strict=True):
        values = {weight.name: weight for weight in old.weights}
        for weight in new.weights:  # by name: where some are frozen, another layer lists them in another order
            weight.assign(values[weight.name])
    return net


def signature(net: Any) -> list[Any]:
    """Return the input of an exported `net`: uint8 pixels (N, H, W, C) of any number of images."""
    import keras

    return [keras.InputSpec(shape=(None, *net.input_shape[1:]), dtype="uint8", name="pixels")]
