"use strict";
// The page's data, and the few things that all its scripts do with elements.
const Page = JSON.parse(document.getElementById("data").textContent);
const el = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in element && typeof value !== "string") element[key] = value; else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
};
const find = (selector) => document.querySelector(selector);
const narrow = () => matchMedia("(max-width: 48rem)").matches; // as in demo.css
const percent = (share) => `${share > 0.995 && share < 1 ? (Math.floor(share * 1000) / 10).toFixed(1) : Math.round(share * 100)}\u00a0%`;
// RGB bytes on a canvas of side x side; `alpha` gives each pixel's opacity, 0 to 255.
const paint = (canvas, image, side, alpha = () => 255) => {
  [canvas.width, canvas.height] = [side, side];
  const shown = new ImageData(side, side);
  for (let i = 0; i < side * side; i++) {
    for (let channel = 0; channel < 3; channel++) shown.data[4 * i + channel] = image[3 * i + channel];
    shown.data[4 * i + 3] = alpha(i);
  }
  canvas.getContext("2d").putImageData(shown, 0, 0);
  return canvas;
};
