// usearch's dense index for WebAssembly, as flat functions over numbers. Errors are texts: an empty one is none.
// Metrics are written by hand with SIMD, since the compiler does not vectorise the ones that come with it.
#include <emscripten.h>
#include <wasm_simd128.h>

#include "lib.cpp"

#define EXPORT extern "C" EMSCRIPTEN_KEEPALIVE

static usearch_error_t last_error = nullptr;

static float sum_of(v128_t v) {
    return (wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 1)) +
           (wasm_f32x4_extract_lane(v, 2) + wasm_f32x4_extract_lane(v, 3));
}

// Halves, sign-extended to the lanes, as f32.
static v128_t from_halves(v128_t wide) {
    v128_t bits = wasm_v128_and(wasm_i32x4_shl(wide, 13), wasm_i32x4_splat(static_cast<int>(0x8fffffffu)));
    return wasm_f32x4_mul(bits, wasm_f32x4_splat(5.192296858534828e33f));
}

struct f32_reader {
    using element = float;
    static v128_t four(element const* at) { return wasm_v128_load(at); }
    static float one(element const* at) { return *at; }
};

struct f16_reader {
    using element = uint16_t;
    static v128_t four(element const* at) { return from_halves(wasm_i32x4_load16x4(at)); }
    static float one(element const* at) {
        return wasm_f32x4_extract_lane(from_halves(wasm_i32x4_splat(static_cast<int16_t>(*at))), 0);
    }
};

template <typename reader> static distance_punned_t ip(std::size_t a, std::size_t b, std::size_t dimensions) {
    auto const* x = reinterpret_cast<typename reader::element const*>(a);
    auto const* y = reinterpret_cast<typename reader::element const*>(b);
    v128_t s0 = wasm_f32x4_splat(0), s1 = s0, s2 = s0, s3 = s0;
    std::size_t i = 0;
    for (; i + 16 <= dimensions; i += 16) {
        s0 = wasm_f32x4_add(s0, wasm_f32x4_mul(reader::four(x + i), reader::four(y + i)));
        s1 = wasm_f32x4_add(s1, wasm_f32x4_mul(reader::four(x + i + 4), reader::four(y + i + 4)));
        s2 = wasm_f32x4_add(s2, wasm_f32x4_mul(reader::four(x + i + 8), reader::four(y + i + 8)));
        s3 = wasm_f32x4_add(s3, wasm_f32x4_mul(reader::four(x + i + 12), reader::four(y + i + 12)));
    }
    for (; i + 4 <= dimensions; i += 4)
        s0 = wasm_f32x4_add(s0, wasm_f32x4_mul(reader::four(x + i), reader::four(y + i)));
    float sum = sum_of(wasm_f32x4_add(wasm_f32x4_add(s0, s1), wasm_f32x4_add(s2, s3)));
    for (; i < dimensions; ++i) sum += reader::one(x + i) * reader::one(y + i);
    return 1 - sum;
}

template <typename reader> static distance_punned_t cosine(std::size_t a, std::size_t b, std::size_t dimensions) {
    float ab = 1 - ip<reader>(a, b, dimensions);
    float aa = 1 - ip<reader>(a, a, dimensions);
    float bb = 1 - ip<reader>(b, b, dimensions);
    if (aa == 0 || bb == 0) return aa == bb ? 0 : 1;
    return 1 - ab / __builtin_sqrtf(aa * bb);
}

static void use_simd(index_dense_t& index) {
    auto kind = index.metric().metric_kind();
    auto scalar = index.scalar_kind();
    bool is_f32 = scalar == scalar_kind_t::f32_k, is_f16 = scalar == scalar_kind_t::f16_k;
    bool is_ip = kind == metric_kind_t::ip_k, is_cos = kind == metric_kind_t::cos_k;
    if (!(is_f32 || is_f16) || !(is_ip || is_cos)) return;
    auto metric = is_ip ? (is_f32 ? &ip<f32_reader> : &ip<f16_reader>)
                        : (is_f32 ? &cosine<f32_reader> : &cosine<f16_reader>);
    auto punned = metric_punned_t::stateful(index.dimensions(), reinterpret_cast<std::uintptr_t>(metric),
                                            index.dimensions(), kind, scalar);
    if (!index.try_change_metric(std::move(punned))) last_error = "Out of memory!";
}

static index_dense_t& at(usearch_index_t index) { return *reinterpret_cast<index_dense_t*>(index); }

EXPORT char const* us_error() {
    char const* error = last_error;
    last_error = nullptr;
    return error ? error : "";
}

EXPORT usearch_index_t us_new(int dimensions, int metric, int scalar, int connectivity, int ef_add, int ef_search) {
    usearch_init_options_t options = {};
    options.dimensions = static_cast<size_t>(dimensions);
    options.metric_kind = static_cast<usearch_metric_kind_t>(metric);
    options.quantization = static_cast<usearch_scalar_kind_t>(scalar);
    options.connectivity = static_cast<size_t>(connectivity);
    options.expansion_add = static_cast<size_t>(ef_add);
    options.expansion_search = static_cast<size_t>(ef_search);
    usearch_index_t index = usearch_init(&options, &last_error);
    if (index && !last_error) use_simd(at(index));
    return index;
}

EXPORT void us_free(usearch_index_t index) { usearch_free(index, &last_error); }
EXPORT void us_reserve(usearch_index_t index, int capacity) {
    usearch_reserve(index, static_cast<size_t>(capacity), &last_error);
}
EXPORT void us_add(usearch_index_t index, unsigned key, float const* vector) {
    usearch_add(index, key, vector, usearch_scalar_f32_k, &last_error);
}
EXPORT int us_remove(usearch_index_t index, unsigned key) {
    return static_cast<int>(usearch_remove(index, key, &last_error));
}
EXPORT int us_contains(usearch_index_t index, unsigned key) { return usearch_contains(index, key, &last_error); }
EXPORT int us_size(usearch_index_t index) { return static_cast<int>(usearch_size(index, &last_error)); }
EXPORT int us_capacity(usearch_index_t index) { return static_cast<int>(usearch_capacity(index, &last_error)); }
EXPORT void us_ef(usearch_index_t index, int ef_add, int ef_search) {
    at(index).change_expansion_add(static_cast<size_t>(ef_add));
    at(index).change_expansion_search(static_cast<size_t>(ef_search));
}
EXPORT int us_search(usearch_index_t index, float const* query, int count, usearch_key_t* keys, float* distances) {
    return static_cast<int>(usearch_search(index, query, usearch_scalar_f32_k, static_cast<size_t>(count), keys,
                                           distances, &last_error));
}
EXPORT unsigned us_length(usearch_index_t index) {
    return static_cast<unsigned>(usearch_serialized_length(index, &last_error));
}
EXPORT void us_save(usearch_index_t index, void* buffer, unsigned length) {
    usearch_save_buffer(index, buffer, length, &last_error);
}
EXPORT void us_load(usearch_index_t index, void const* buffer, unsigned length) {
    usearch_load_buffer(index, buffer, length, &last_error);
    if (!last_error) use_simd(at(index));
}
EXPORT void us_view(usearch_index_t index, void const* buffer, unsigned length) {
    usearch_view_buffer(index, buffer, length, &last_error);
    if (!last_error) use_simd(at(index));
}
EXPORT void* us_allocate(unsigned bytes) { return malloc(bytes); }
EXPORT void us_release(void* at) { free(at); }
