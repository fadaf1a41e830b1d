/** The encoders, in a thread of their own: ONNX Runtime allows one run at a time, and its runs block. */
import { browserEncoderPlatform } from '../src/platform/browser/encoder-platform';
import { serve } from '../src/platform/rpc/connection';
import { EncoderHost } from '../src/retrieval/encoder/encoder-host';

serve(new EncoderHost(browserEncoderPlatform()));
