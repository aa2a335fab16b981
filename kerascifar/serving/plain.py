"""The net as it is exported: plain Keras layers in float32, with named input and output."""

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
    }

    def copied(layer: Any) -> Any:
        settings = {**layer.get_config(), "dtype": "float32"}
        return replacements.get(type(layer), type(layer)).from_config(settings)

    net = keras.models.clone_model(model, clone_function=copied)
    for old, new in zip(model.layers, net.layers, strict=True):
        new.set_weights(old.get_weights())
    return keras.Model(net.input, {"logits": net.output}, name=model.name)


def signature(net: Any) -> list[Any]:
    """Return the input of an exported `net`: uint8 pixels (N, H, W, C) of any number of images."""
    import keras

    return [keras.InputSpec(shape=(None, *net.input_shape[1:]), dtype="uint8", name="pixels")]
