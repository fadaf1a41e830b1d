/** Text-generation models of `@huggingface/transformers`, in a thread of their own: the runtime's runs block. */
import { TextGenerationHost } from '../src/generate/transformers/text-generation-host';
import { browserEncoderPlatform } from '../src/platform/browser/encoder-platform';
import { serve } from '../src/platform/rpc/connection';

serve(new TextGenerationHost(browserEncoderPlatform()));
