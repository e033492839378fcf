// Problems of operators that select, sample and fill.
#pragma once

namespace vivace {

inline constexpr const char* kSelectCases[] = {
    // Lines in a warp, in a block, in chunks; few and many of each; ties.
    "(%x: f32[3,5,7]) { %y, %i = TopK(%x, const i64[1] {3}) {axis=1} return %y, %i }",
    "(%x: f32[257,13]) { %y, %i = TopK(%x, const i64[1] {13}) {largest=0} return %y, %i }",
    "(%x: f16[2,1000]) { %y, %i = TopK(%x, const i64[1] {5}) return %y, %i }",
    "(%x: i8[3,1025]) { %y, %i = TopK(%x, const i64[1] {1000}) return %y, %i }",
    "(%x: u8[2,65,3]) { %y, %i = TopK(%x, const i64[1] {7}) {axis=-2, largest=0} return %i }",
    "(%x: i64[2,2049]) { %y, %i = TopK(%x, const i64[1] {300}) {largest=0} return %y, %i }",
    "(%x: f64[5000]) { %y, %i = TopK(%x, const i64[1] {2500}) return %y, %i }",
    "(%x: f32[2,9001]) { %y, %i = TopK(%x, const i64[1] {9001}) return %y, %i }",
    "(%x: i32[2,5003,3]) { %y, %i = TopK(%x, const i64[1] {17}) {axis=1} return %y, %i }",
    "(%x: bf16[1,50257]) { %y, %i = TopK(%x, const i64[1] {200}) return %y, %i }",
    "(%x: f32[7,1]) { %y, %i = TopK(%x, const i64[1] {1}) return %y }",
    // Transforms: both directions, halves of spectra, lines along each axis, shorter and longer than what is there.
    "(%x: f32[2,13,3,1]) { %y = DFT(%x, _, const i64[] {1}) return %y }",
    "(%x: f32[2,13,3,2]) { %y = DFT(%x, const i64[] {9}, const i64[] {1}) {inverse=1} return %y }",
    "(%x: f32[5,301,1]) { %y = DFT(%x, const i64[] {320}, const i64[] {-2}) {onesided=1} return %y }",
    "(%x: f64[3,2,45,2]) { %y = DFT(%x) return %y }",
    "(%x: f16[2,31,1]) { %y = DFT(%x, const i32[] {8}, const i32[] {1}) {onesided=1} return %y }",
    "(%x: f32[7,33,2]) { %y = DFT(%x, _, const i64[] {1}) {inverse=1, onesided=1} return %y }",
    "(%x: f32[3,9,2]) { %y = DFT(%x, const i64[] {15}, const i64[] {1}) {inverse=1, onesided=1} return %y }",
    "(%x: f32[1,2048,2]) { %y = DFT(%x, _, const i64[] {-2}) return %y }",
    "(%x: f32[2,400,1], %w: f32[64]) { %y = STFT(%x, const i64[] {17}, %w) return %y }",
    "(%x: f32[2,101]) { %y = STFT(%x, const i64[] {10}, _, const i64[] {33}) {onesided=0} return %y }",
    "(%x: f64[3,77,1], %w: f64[16]) { %y = STFT(%x, const i64[] {16}, %w) return %y }",
    "(%x: f32[1,90,2], %w: f32[20]) { %y = STFT(%x, const i64[] {7}, %w, const i64[] {31}) {onesided=0} return %y }",
    // N-grams: skips beyond the row's end, one that comes twice, two counted as one, lengths that are left out.
    "(%x: i64[3,50]) { %y = TfIdfVectorizer(%x) {mode=\"TF\", min_gram_length=1, max_gram_length=3, max_skip_count=2, "
    "ngram_counts=[0,3,9], ngram_indexes=[0,1,2,3,4,5,6,2], pool_int64s=[1,-3,5,2,2,-4,1,2,2,3,3,3,-1,0,7]} return %y "
    "}",
    "(%x: i32[5,40]) { %y = TfIdfVectorizer(%x) {mode=\"TFIDF\", min_gram_length=2, max_gram_length=2, "
    "max_skip_count=99, ngram_counts=[0,2], ngram_indexes=[3,0,1,4,1], weights=[9.0,0.5,2.0,-1.5,0.25], "
    "pool_int64s=[1,2,-8,7,7,-8,-8,7]} return %y }",
    "(%x: i32[400]) { %y = TfIdfVectorizer(%x) {mode=\"IDF\", min_gram_length=1, max_gram_length=2, max_skip_count=0, "
    "ngram_counts=[0,2], ngram_indexes=[0,1,2], weights=[0.5,2.0,3.0], pool_int64s=[1,100,-2,3]} return %y }",
    // Numbers drawn with a seed, some steps of the generator and a part of one; without one where chance has no say.
    "() { %y = RandomUniform() {shape=[3,731], seed=7.0, low=-2.5, high=0.75} return %y }",
    "() { %y = RandomUniform() {shape=[312], seed=-3.0, dtype=11, high=1e-3} return %y }",
    "() { %y = RandomNormal() {shape=[2011], seed=11.0, mean=0.5, scale=3.0} return %y }",
    "() { %y = RandomNormal() {shape=[1], seed=1.0, dtype=11} return %y }",
    "(%x: f32[5,127]) { %y = RandomNormalLike(%x) {seed=2.5} return %y }",
    "(%x: f16[41,9]) { %y = RandomNormalLike(%x) {seed=4.0} return %y }",
    "(%x: i32[700]) { %y = RandomUniformLike(%x) {seed=9.0, dtype=16} return %y }",
    "() { %y = RandomNormal() {shape=[999], mean=-1.5, scale=0.0} return %y }",
    "() { %y = Bernoulli(const f32[29,37] splat(0.3)) {seed=5.0} return %y }",
    "() { %y = Bernoulli(const bf16[401] splat(0.7)) {seed=2.0, dtype=6} return %y }",
    "() { %y = Bernoulli(const f64[7] {0.0, 0.25, 0.5, 0.5000001, 0.75, 0.999, 1.0}) {seed=8.0, dtype=9} return %y }",
    "() { %y = Bernoulli(const f32[3] {0.0, 1.0, 0.0}) {dtype=7} return %y }",
    "(%x: f32[3,1000]) { %y = Multinomial(%x) {sample_size=500, seed=6.0} return %y }",
    "(%x: f16[2,1]) { %y = Multinomial(%x) {sample_size=3, dtype=7} return %y }",
    "(%x: f64[7,257]) { %y = Multinomial(%x) {sample_size=2, seed=3.0, dtype=7} return %y }",
    // Elements that follow from their places.
    "(%i: i64[3,5], %v: f32[2]) { %y = OneHot(%i, const i64[] {7}, %v) return %y }",
    "(%i: f32[11], %v: i8[2]) { %y = OneHot(%i, const f32[1] {3.0}, %v) {axis=0} return %y }",
    "(%x: f32[5,7]) { %y = EyeLike(%x) {k=-2} return %y }",
    "(%x: i32[6,3]) { %y = EyeLike(%x) {k=1, dtype=10} return %y }",
    "(%x: f32[2,5,7]) { %y = Trilu(%x) return %y }",
    "(%x: i64[3,7,5], %k: i64[]) { %y = Trilu(%x, %k) {upper=0} return %y }",
    "(%x: u8[6,4]) { %y = Trilu(%x, const i64[] {-9}) return %y }",
    "(%x: f32[7,3,5]) { %y = ReverseSequence(%x, const i64[3] {7, 0, 4}) return %y }",
    "(%x: f16[2,9,8]) { %y = ReverseSequence(%x, const i64[2] {1, 8}) {batch_axis=0, time_axis=1} return %y }",
    "(%x: f32[2,7,5,8]) { %y = CenterCropPad(%x, const i64[2] {4, 8}) {axes=[1,2]} return %y }",
    "(%x: u8[3,8]) { %y = CenterCropPad(%x, const i64[2] {6, 3}) return %y }",
    "(%x: f32[5,3]) { %y = BitCast(%x) {to=6} return %y }",
    // Larger than what is kept with a shape.
    "() { %y = Range(const i32[] {-7}, const i32[] {12582908}, const i32[] {3}) return %y }",
    "() { %y = ConstantOfShape(const i64[1] {4194307}) {value=const u8[1] {7}} return %y }",
    // Samples between pixels: every mode and padding, far outside too; one to four dimensions.
    "(%x: f32[2,3,5,7], %g: f32[2,4,6,2]) { %y = GridSample(%x, %g) return %y }",
    "(%x: f32[2,3,5,7]) { %y = GridSample(%x, const f32[2,1,4,2] {0.1, 2.5, -7.3, 0.4, 1.0, -1.0, 9.1, -1.3, 0.0, 0.0, "
    "1.2, 1.21, nan, 0.3, 1e20, -0.9}) {padding_mode=\"reflection\"} return %y }",
    "(%x: f32[2,3,5,7]) { %y = GridSample(%x, const f32[2,1,4,2] {0.1, 2.5, -7.3, 0.4, 1.0, -1.0, 9.1, -1.3, 0.0, 0.0, "
    "1.2, 1.21, nan, 0.3, -1e20, -0.9}) {padding_mode=\"border\", align_corners=1} return %y }",
    "(%x: f32[1,19,9,8], %g: f16[1,3,5,2]) { %y = GridSample(%x, %g) {mode=\"cubic\", align_corners=1} return %y }",
    "(%x: f16[1,2,4,5]) { %y = GridSample(%x, const f32[1,2,2,2] {0.9, 1.5, -1.3, 0.4, 1.0, -1.0, 3.1, -1.3}) "
    "{mode=\"cubic\", padding_mode=\"reflection\"} return %y }",
    "(%x: f32[1,2,4,5]) { %y = GridSample(%x, const f32[1,2,2,2] {0.9, 1.5, -1.3, 0.4, 1.0, -1.0, 3.1, -1.3}) "
    "{mode=\"cubic\", padding_mode=\"border\"} return %y }",
    "(%x: i8[2,3,5,7], %g: f32[2,9,2,2]) { %y = GridSample(%x, %g) {mode=\"nearest\"} return %y }",
    "(%x: bf16[1,3,4,6]) { %y = GridSample(%x, const f32[1,1,4,2] {0.0, 0.5, -1.0, 1.0, 1.4, -2.6, 0.3333333, 0.25}) "
    "{mode=\"nearest\", padding_mode=\"reflection\"} return %y }",
    "(%x: f32[2,3,4,5,6], %g: f32[2,3,2,5,3]) { %y = GridSample(%x, %g) return %y }",
    "(%x: f32[1,2,4,5,3], %g: f64[1,3,2,5,3]) { %y = GridSample(%x, %g) {mode=\"cubic\", padding_mode=\"border\"} "
    "return %y }",
    "(%x: f64[1,2,9], %g: f32[1,7,1]) { %y = GridSample(%x, %g) {padding_mode=\"reflection\"} return %y }",
    "(%x: f32[1,2,3,2,3,4], %g: f32[1,2,2,3,1,4]) { %y = GridSample(%x, %g) {mode=\"cubic\"} return %y }",
    "(%x: f32[2,40,3,5], %g: f32[2,100,120,2]) { %y = GridSample(%x, %g) return %y }",
    "(%t: f32[2,2,3]) { %y = AffineGrid(%t, const i64[4] {2, 3, 5, 7}) return %y }",
    "(%t: bf16[1,3,4]) { %y = AffineGrid(%t, const i64[5] {1, 3, 5, 1, 4}) {align_corners=1} return %y }",
    // Regions: inside, beyond and outside the image, empty, turned around.
    "(%x: f32[2,3,9,11]) { %y = RoiAlign(%x, const f32[5,4] {1.0, 2.0, 7.5, 8.25, -3.0, -2.0, 4.0, 15.0, 20.0, 20.0, "
    "30.0, 40.0, 3.0, 3.0, 3.0, 3.0, 6.0, 6.0, 2.0, 3.0}, const i64[5] {0, 1, 1, 0, 1}) {output_height=3, "
    "output_width=5} return %y }",
    "(%x: f32[2,5,9,11]) { %y = RoiAlign(%x, const f32[3,4] {1.0, 2.0, 17.5, 8.25, -3.0, -2.0, 4.0, 15.0, 6.0, 6.0, "
    "2.0, "
    "3.0}, const i64[3] {0, 1, 1}) {output_height=2, output_width=7, spatial_scale=0.5, sampling_ratio=2, "
    "mode=\"max\", "
    "coordinate_transformation_mode=\"output_half_pixel\"} return %y }",
    "(%x: f16[1,3,7,5], %r: f16[3,4]) { %y = RoiAlign(%x, %r, const i64[3] {0, 0, 0}) {spatial_scale=5.0, "
    "output_height=2, output_width=2} return %y }",
    "(%x: f32[2,3,9,11]) { %y = MaxRoiPool(%x, const f32[3,5] {1.0, 1.0, 2.0, 17.5, 8.25, 0.0, -3.0, -2.0, 4.0, 15.0, "
    "1.0, 6.0, 6.0, 2.0, 3.0}) {pooled_shape=[3,5], spatial_scale=0.5} return %y }",
    "(%x: bf16[1,2,5,5]) { %y = MaxRoiPool(%x, const bf16[1,5] {0.0, 1.0, 2.0, 3.5, 8.25}) {pooled_shape=[2,2]} "
    "return %y }",
    // Back from windows; two elements that go to one place.
    "(%x: f32[1,2,2,3]) { %y = MaxUnpool(%x, const i64[1,2,2,3] {0, 3, 5, 17, 14, 11, 24, 27, 24, 41, 47, 33}) "
    "{kernel_shape=[2,2], strides=[2,2]} return %y }",
    "(%x: f16[1,1,2,2]) { %y = MaxUnpool(%x, const i64[1,1,2,2] {5, 7, 13, 15}, const i64[4] {1, 1, 5, 5}) "
    "{kernel_shape=[2,2], strides=[2,2]} return %y }",
    "(%x: f32[2,2,3]) { %y = MaxUnpool(%x, const i64[2,2,3] {0, 2, 4, 7, 9, 6, 12, 11, 12, 15, 19, 17}) "
    "{kernel_shape=[3], strides=[2], pads=[1,1]} return %y }",
    "(%x: f32[2,18,20]) { %y = Col2Im(%x, const i64[2] {6, 7}, const i64[2] {3, 3}) return %y }",
    "(%x: i32[1,12,9]) { %y = Col2Im(%x, const i64[2] {5, 8}, const i64[2] {2, 3}) {dilations=[2,1], strides=[1,3], "
    "pads=[0,1,0,1]} return %y }",
    "(%x: bf16[1,8,18]) { %y = Col2Im(%x, const i64[3] {4, 4, 3}, const i64[3] {2, 2, 2}) return %y }",
    // Taps that move.
    "(%x: f32[2,6,7,9], %o: f32[2,36,5,4]) { %y = DeformConv(%x, const f32[8,3,3,3] random(1), %o, const f32[8] "
    "random(2)) {group=2, offset_group=2, strides=[1,2]} return %y }",
    "(%x: f32[1,20,9,8], %o: f32[1,18,9,8], %m: f32[1,9,9,8]) { %y = DeformConv(%x, const f32[70,20,3,3] random(1), "
    "%o, "
    "_, %m) {pads=[1,1,1,1]} return %y }",
    "(%x: f16[1,2,4,5,3], %o: f16[1,24,3,4,2]) { %y = DeformConv(%x, const f16[3,2,2,2,2] random(1), %o) return %y }",
    // Labelled axes: batches, diagonals, ellipses, sums of one operand, three of them.
    "(%x: f32[2,3,37,20], %z: f32[2,3,41,20]) { %y = Einsum(%x, %z) {equation=\"bhqd,bhkd->bhqk\"} return %y }",
    "(%x: f32[3,40,17], %z: f32[33,40,3]) { %y = Einsum(%x, %z) {equation=\"bki,jkb->jib\"} return %y }",
    "(%x: f32[1000], %z: f32[1000]) { %y = Einsum(%x, %z) {equation=\"i,i->\"} return %y }",
    "(%x: f16[2,5,7]) { %y = Einsum(%x) {equation=\"bij->jb\"} return %y }",
    "(%x: i8[5,5,3]) { %y = Einsum(%x) {equation=\"iij->j\"} return %y }",
    "(%x: bf16[2,1,5,7], %z: bf16[3,7,4]) { %y = Einsum(%x, %z) {equation=\"...ij,...jk->...ik\"} return %y }",
    "(%x: f32[5,6], %z: f32[6,7], %w: f32[7,5]) { %y = Einsum(%x, %z, %w) {equation=\"ij,jk,ki->i\"} return %y }",
    "(%x: i64[5,6], %z: i64[6,7], %w: i64[7], %v: i64[5,3]) { %y = Einsum(%x, %z, %w, %v) "
    "{equation=\"ij,jk,k,il->lk\"} "
    "return %y }",
    "(%x: f64[9,4], %z: f64[3,4]) { %y = Einsum(%x, %z) {equation=\"ij,kl->k\"} return %y }",
    "(%x: f32[5,3,3]) { %y = Det(%x) return %y }",
    "(%x: f32[2,2,19,19]) { %y = Det(%x) return %y }",
    "(%x: f64[73,73]) { %y = Det(%x) return %y }",
    "(%x: f16[3,1,1]) { %y = Det(%x) return %y }",
};

}  // namespace vivace
