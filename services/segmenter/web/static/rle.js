/** COCO's compressed run lengths as a Uint8Array of width x height, row by row, 1 inside. */
export function decodeRle({ size: [height, width], counts }) {
  const mask = new Uint8Array(height * width);
  let at = 0;
  runs(counts).forEach((length, index) => {
    if (index % 2) {
      for (let p = at; p < at + length; p++) mask[(p % height) * width + Math.floor(p / height)] = 1;
    }
    at += length;
  });
  return mask;
}

function runs(counts) {
  const found = [];
  for (let i = 0; i < counts.length; ) {
    let value = 0, shift = 0, code;
    do {
      code = counts.charCodeAt(i++) - 48;
      value += (code & 31) * 2 ** shift;
      shift += 5;
    } while (code & 32);
    if (code & 16) value -= 2 ** shift;
    if (found.length > 2) value += found[found.length - 2];
    found.push(value);
  }
  return found;
}
