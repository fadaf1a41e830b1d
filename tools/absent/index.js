// Takes the place of onnxruntime-node, sharp and @napi-rs/canvas: large native packages that some
// dependencies ask for in Node and that nothing in this project calls.
module.exports = {};
