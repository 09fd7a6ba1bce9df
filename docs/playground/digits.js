// The digits that the page contains: gzip in base64, images first, then labels (scripts/build_playground.py).
'use strict';

// Decodes the element `digits`: {train, held}, each {images: Uint8Array (n * 784), labels: Uint8Array (n)}.
async function readDigits() {
  const element = document.getElementById('digits'), {train, held} = element.dataset;
  const packed = Uint8Array.from(atob(element.textContent.trim()), c => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let at = 0;
  const take = n => bytes.subarray(at, at += n);
  const images = [Number(train), Number(held)].map(n => take(784 * n));
  const labels = [Number(train), Number(held)].map(take);
  return {train: {images: images[0], labels: labels[0]}, held: {images: images[1], labels: labels[1]}};
}
