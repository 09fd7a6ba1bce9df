// The matrix product, in which a network spends most of its time, as a small WebAssembly module with SIMD.
//
// The module is assembled here, byte by byte, so that the page needs no compiler and no other file. A browser without
// SIMD gets `slowProduct`, which computes the same in plain JavaScript.
'use strict';

// C = A B. Numbers count 32-bit floats. A is read at a + i * aRow + k * aStep, so a transposed matrix needs no copy.
// B has K rows of `columns` values, C has M; `columns` is a multiple of 4 (see Arena), and each row is contiguous.
function slowProduct(memory) {
  const f = new Float32Array(memory);
  return (a, aRow, aStep, b, bRow, c, cRow, M, K, columns) => {
    for (let i = 0; i < M; i++) {
      const row = c + i * cRow;
      f.fill(0, row, row + columns);
      for (let k = 0; k < K; k++) {
        const value = f[a + i * aRow + k * aStep];
        if (value === 0) continue;
        const from = b + k * bRow;
        for (let j = 0; j < columns; j++) f[row + j] += value * f[from + j];
      }
    }
  };
}

// values -= rate * gradient, for `count` values from the two places on.
function slowDescend(memory) {
  const f = new Float32Array(memory);
  return (values, gradient, count, rate) => {
    for (let i = 0; i < count; i++) f[values + i] -= rate * f[gradient + i];
  };
}

// The same product twice, `dense`, and `sparse`, which skips steps in which A has only zeros (most pixels are 0); and
// `descend`.
function productModule() {
  const unsigned = n => { const out = []; do { out.push(n % 128 + (n > 127 ? 128 : 0)); n = Math.floor(n / 128); } while (n); return out; };
  const signed = n => {
    const out = [];
    for (;;) {
      const byte = n & 127;
      n >>= 7;
      if ((n === 0 && !(byte & 64)) || (n === -1 && (byte & 64))) return [...out, byte];
      out.push(byte | 128);
    }
  };
  const vector = items => [...unsigned(items.length), ...items.flat()];
  const section = (id, bytes) => [id, ...unsigned(bytes.length), ...bytes];
  const text = string => vector([...string].map(c => c.charCodeAt(0)));
  const I32 = 0x7f, F32 = 0x7d, V128 = 0x7b;

  // Instructions, each a list of bytes.
  const get = i => [0x20, ...unsigned(i)], set = i => [0x21, ...unsigned(i)];
  const constant = n => [0x41, ...signed(n)];
  const add = [0x6a], subtract = [0x6b], multiply = [0x6c], or = [0x72], less = [0x48], END = 0x0b;
  const at = (opcode, offset) => [0xfd, ...unsigned(opcode), 2, ...unsigned(offset)];
  const loadVector = offset => at(0x00, offset), splat = at(0x09, 0), storeVector = offset => at(0x0b, offset);
  const zeroVector = [0xfd, 0x0c, ...new Array(16).fill(0)];
  const addVectors = [0xfd, 0xe4, 0x01], multiplyVectors = [0xfd, 0xe6, 0x01];
  const advance = (local, by) => [...get(local), ...by, ...add, ...set(local)];
  // while (value of `local` >= least) { body }
  const whileAtLeast = (local, least, body) =>
    [0x02, 0x40, 0x03, 0x40, ...get(local), ...constant(least), ...less, 0x0d, 1, ...body, 0x0c, 0, END, END];

  // Arguments (in bytes but for the three sizes), then locals.
  const [A, A_ROW, A_STEP, B, B_ROW, C, C_ROW, M, K, COLUMNS] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const [LEFT, K_LEFT, B_BLOCK, C_BLOCK, B_AT] = [10, 11, 12, 13, 14];
  const A_AT = [15, 16, 17, 18], SUM = 19, B_VALUES = 31, A_VALUE = 34;   // 12 sums, 3 vectors of B, 1 of A

  function step(rows, vectors) {
    const code = [];
    for (let v = 0; v < vectors; v++) code.push(...get(B_AT), ...loadVector(16 * v), ...set(B_VALUES + v));
    for (let r = 0; r < rows; r++) {
      code.push(...get(A_AT[r]), ...splat, ...set(A_VALUE));
      for (let v = 0; v < vectors; v++) {
        const sum = SUM + 3 * r + v;
        code.push(...get(sum), ...get(A_VALUE), ...get(B_VALUES + v), ...multiplyVectors, ...addVectors, ...set(sum));
      }
    }
    return code;
  }

  function skippingZeros(rows, body) {
    const code = [];
    for (let r = 0; r < rows; r++) code.push(...get(A_AT[r]), 0x28, 2, 0, ...(r ? or : []));
    return [...code, 0x04, 0x40, ...body, END];
  }

  function block(rows, vectors, sparse) {              // a block of C: `rows` rows, 4 * `vectors` columns
    const code = [];
    for (let r = 0; r < rows; r++) {
      code.push(...get(A), ...get(A_ROW), ...constant(r), ...multiply, ...add, ...set(A_AT[r]));
      for (let v = 0; v < vectors; v++) code.push(...zeroVector, ...set(SUM + 3 * r + v));
    }
    const body = step(rows, vectors);
    const next = [0, 1, 2, 3].slice(0, rows).flatMap(r => advance(A_AT[r], get(A_STEP)));
    code.push(...get(B_BLOCK), ...set(B_AT), ...get(K), ...set(K_LEFT), ...whileAtLeast(K_LEFT, 1, [
      ...(sparse ? skippingZeros(rows, body) : body), ...next, ...advance(B_AT, get(B_ROW)),
      ...advance(K_LEFT, constant(-1))]));
    for (let r = 0; r < rows; r++)
      for (let v = 0; v < vectors; v++)
        code.push(...get(C_BLOCK), ...get(C_ROW), ...constant(r), ...multiply, ...add, ...get(SUM + 3 * r + v),
                  ...storeVector(16 * v));
    code.push(...advance(B_BLOCK, constant(16 * vectors)), ...advance(C_BLOCK, constant(16 * vectors)),
              ...advance(LEFT, constant(-4 * vectors)));
    return code;
  }

  function someRows(rows, sparse) {
    return whileAtLeast(M, rows, [
      ...get(B), ...set(B_BLOCK), ...get(C), ...set(C_BLOCK), ...get(COLUMNS), ...set(LEFT),
      ...whileAtLeast(LEFT, 12, block(rows, 3, sparse)), ...whileAtLeast(LEFT, 4, block(rows, 1, sparse)),
      ...advance(A, [...get(A_ROW), ...constant(rows), ...multiply]),
      ...advance(C, [...get(C_ROW), ...constant(rows), ...multiply]), ...get(M), ...constant(rows), ...subtract,
      ...set(M)]);
  }

  function body(sparse) {
    const code = [2, 9, I32, 16, V128, ...someRows(4, sparse), ...someRows(1, sparse), END];
    return [...unsigned(code.length), ...code];
  }

  function descendBody() {
    const [values, gradient, count, rate] = [0, 1, 2, 3];
    const code = [0, ...whileAtLeast(count, 4, [
      ...get(values), ...get(values), ...loadVector(0), ...get(gradient), ...loadVector(0), ...get(rate), 0xfd, 0x13,
      ...multiplyVectors, 0xfd, 0xe5, 0x01, ...storeVector(0), ...advance(values, constant(16)),
      ...advance(gradient, constant(16)), ...advance(count, constant(-4))]), END];
    return [...unsigned(code.length), ...code];
  }

  return new Uint8Array([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, vector([[0x60, ...vector(new Array(10).fill([I32])), 0], [0x60, ...vector([[I32], [I32], [I32], [F32]]), 0]])),
    ...section(2, vector([[...text('page'), ...text('memory'), 2, 0, 1]])),
    ...section(3, vector([[0], [0], [1]])),
    ...section(7, vector([[...text('dense'), 0, 0], [...text('sparse'), 0, 1], [...text('descend'), 0, 2]])),
    ...section(10, vector([body(false), body(true), descendBody()])),
  ]);
}

// `{memory, dense, sparse, descend}`: `bytes` of memory, and the operations on what lies in it.
function makeProduct(bytes, simd = true) {
  const module = simd && typeof WebAssembly === 'object' ? productModule() : null;
  if (!module || !WebAssembly.validate(module)) {
    const memory = new ArrayBuffer(bytes), product = slowProduct(memory);
    return {memory, dense: product, sparse: product, descend: slowDescend(memory), simd: false};
  }
  const memory = new WebAssembly.Memory({initial: Math.ceil(bytes / 65536)});
  const {exports} = new WebAssembly.Instance(new WebAssembly.Module(module), {page: {memory}});
  const inFloats = product => (a, aRow, aStep, b, bRow, c, cRow, m, k, columns) =>
    product(4 * a, 4 * aRow, 4 * aStep, 4 * b, 4 * bRow, 4 * c, 4 * cRow, m, k, columns);
  return {memory: memory.buffer, dense: inFloats(exports.dense), sparse: inFloats(exports.sparse), simd: true,
          descend: (values, gradient, count, rate) => exports.descend(4 * values, 4 * gradient, count, rate)};
}
