"use strict";
// The nets in the page itself, run by ONNX Runtime: nothing that is shown leaves the browser.
const Backend = (() => {
  const { nets } = Page, sessions = [];
  const logits = async (number, images) => {
    const { side, classes } = nets[number], count = images.length / (3 * side * side);
    const { logits: out } = await sessions[number].run({ pixels: new ort.Tensor("uint8", images, [count, side, side, 3]) });
    return Array.from({ length: count }, (_, i) => out.data.slice(i * classes.length, (i + 1) * classes.length));
  };
  const ready = async () => {
    if (location.protocol === "file:") {
      throw new Error("a browser loads no net from a file: serve this folder, say by python -m http.server, and open that");
    }
    if (typeof ort === "undefined") {
      throw new Error("runtime/ does not hold ONNX Runtime's files; python -m kerascifar.demo --fetch-runtime gets them");
    }
    ort.env.wasm.numThreads = 1; // more need headers that few servers send
    ort.env.wasm.wasmPaths = new URL("runtime/", document.baseURI).href;
    for (const net of nets) {
      const answer = await fetch(net.file);
      if (!answer.ok) throw new Error(`${net.file} cannot be loaded (${answer.status})`);
      sessions.push(await ort.InferenceSession.create(await answer.arrayBuffer(), { executionProviders: ["wasm"] }));
      await logits(sessions.length - 1, new Uint8Array(3 * net.side * net.side)); // or the first answer would be slow
    }
  };
  // Decoded by the browser, turned upright, without colour management; resized as predict does.
  const read = async (blob) => {
    let bitmap;
    try {
      bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    } catch {
      throw new Error("not a whole picture of a kind that this browser reads");
    }
    const { width, height } = bitmap;
    if (width * height > Page.most_pixels) throw new Error(`${width} × ${height} pixels are too many`);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const shown = context.getImageData(0, 0, width, height).data, rgb = new Uint8Array(width * height * 3);
    for (let i = 0, j = 0; i < shown.length; i += 4, j += 3) {
      [rgb[j], rgb[j + 1], rgb[j + 2]] = [shown[i], shown[i + 1], shown[i + 2]];
    }
    return Object.fromEntries(nets.map(({ side }) => [side, Resize.square(rgb, width, height, side)]));
  };
  const probabilities = async (number, images) => {
    const began = performance.now(), rows = await logits(number, images);
    return { rows: rows.map((row) => Explain.softmax(row, nets[number].temperature)), ms: performance.now() - began };
  };
  return { ready, read, logits, probabilities };
})();
