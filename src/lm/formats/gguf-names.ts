/** GGUF's tensor names in Hugging Face's terms. */

const LAYER: Record<string, string> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

const MODEL: Record<string, string> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};

/** `blk.3.attn_q.weight` → `model.layers.3.self_attn.q_proj.weight`; what has no counterpart keeps its name. */
export function huggingFaceName(name: string): string {
  const layer = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name);
  if (layer) {
    const [, index = '', part = '', kind = ''] = layer;
    return Object.hasOwn(LAYER, part) ? `model.layers.${index}.${LAYER[part] ?? ''}.${kind}` : name;
  }
  const [, part = '', kind = ''] = /^(\w+)\.(weight|bias)$/.exec(name) ?? [];
  return Object.hasOwn(MODEL, part) ? `${MODEL[part] ?? ''}.${kind}` : name;
}
