package cloze.measure;

import java.util.ArrayList;
import java.util.List;

/** The shapes at which kernels are measured; a test checks that no kernel is missing. */
final class KernelTable {
    private static final int GPT2_PARAMETERS = 124_439_808;

    private static final int GPT2_VOCABULARY = 50_257;

    /** Rows of its logits as the model has them, of whole packs of 16 bytes. */
    private static final int PADDED_VOCABULARY = 50_264;

    /** ... and of whole tiles, as others choose a vocabulary. */
    private static final int TILED_VOCABULARY = 50_304;

    /** Tokens of a batch, and width of all heads together, at which libraries of attention compare themselves. */
    private static final int ATTENTION_TOKENS = 16_384;

    private static final int ATTENTION_WIDTH = 2048;

    private KernelTable() {}

    static List<Subject> gpu() {
        var all = new ArrayList<Subject>();
        all.add(Subjects.layerNorm(65_536, 768));
        all.add(Subjects.residualLayerNorm(65_536, 768));
        all.add(Subjects.rmsNorm(65_536, 768));
        all.add(Subjects.softmax(192 * 1024, 1024));
        all.add(Subjects.gelu(65_536, 3072));
        all.add(Subjects.swiGlu(65_536, 2048));
        all.add(Subjects.dropout(65_536, 768));
        all.add(Subjects.dropPath(256, 197, 768));
        all.add(Subjects.add(256, 196, 768));
        all.add(AttentionSubjects.rope(16, 12, 1024, 64));
        all.add(Subjects.crossEntropy(16_384, TILED_VOCABULARY));
        all.add(Subjects.crossEntropy(16_384, GPT2_VOCABULARY));
        all.add(Subjects.softTargets(65_536, 1000));
        all.add(Subjects.embedding(16, 1024, GPT2_VOCABULARY, 768));
        all.add(PatchSubjects.patchify(256, 224, 16));
        all.add(PatchSubjects.gather(256, 196, 49, 768));
        all.add(PatchSubjects.restore(256, 197, 50, 512));
        all.add(PatchSubjects.pool(256, 196, 768));
        all.add(PatchSubjects.loss(256, 196, 768));
        all.add(PatchSubjects.lossOfPixels(256, 196, 768));
        all.add(PatchSubjects.randomMask(4096, 196, 49));
        all.add(UpdateSubjects.adamW(GPT2_PARAMETERS));
        all.add(UpdateSubjects.ema(GPT2_PARAMETERS));
        all.add(UpdateSubjects.gradientNorm(GPT2_PARAMETERS));
        all.add(UpdateSubjects.narrow(GPT2_PARAMETERS));
        all.add(UpdateSubjects.gradients(GPT2_PARAMETERS));
        all.add(UpdateSubjects.init(GPT2_PARAMETERS));
        all.add(UpdateSubjects.muon(3072, 768));
        all.add(UpdateSubjects.peak(1 << 21, 4096));
        all.add(WeightSubjects.linear(16_384, 2304, 768));
        all.add(WeightSubjects.linear(16_384, 3072, 768));
        all.add(WeightSubjects.linear(16_384, 768, 3072));
        all.add(WeightSubjects.linear(16_384, TILED_VOCABULARY, 768));
        all.add(WeightSubjects.linear(16_384, PADDED_VOCABULARY, 768));
        all.add(WeightSubjects.linearGelu(16_384, 3072, 768));
        all.add(WeightSubjects.conv2d(256, 56, 64, 64, 3, 1)); // ResNet's first stage
        all.add(WeightSubjects.conv2d(256, 224, 3, 64, 7, 2)); // and what comes before it
        all.add(WeightSubjects.lstm(64, 256, 1024, 1024));
        all.add(AttentionSubjects.cached(64, 12, 1024, 64));
        all.add(AttentionSubjects.attention(16, 12, 1024, 64, true));
        all.add(AttentionSubjects.attention(256, 12, 50, 64, false)); // the encoder of a masked autoencoder
        all.add(AttentionSubjects.attention(256, 16, 197, 32, false)); // and its decoder
        for (int t : new int[] {512, 2048, 16_384}) {
            all.add(longAttention(t, 64, false));
            all.add(longAttention(t, 128, false));
            all.add(longAttention(t, 128, true));
        }
        return all;
    }

    private static Subject longAttention(int t, int width, boolean causal) {
        return AttentionSubjects.attention(ATTENTION_TOKENS / t, ATTENTION_WIDTH / width, t, width, causal);
    }

    static List<Subject> cpu() {
        return List.of(
                AttentionSubjects.attention(8, 6, 256, 64, true),
                AttentionSubjects.attention(4, 12, 64, 64, true),
                AttentionSubjects.attention(64, 3, 17, 64, false),
                AttentionSubjects.attention(64, 4, 65, 32, false),
                Subjects.softmax(12_288, 256),
                Subjects.layerNorm(2048, 384),
                Subjects.layerNorm(1088, 192),
                Subjects.residualLayerNorm(2048, 384),
                Subjects.rmsNorm(2048, 384),
                Subjects.gelu(2048, 1536),
                Subjects.swiGlu(2048, 1024),
                Subjects.dropout(2048, 384),
                Subjects.dropPath(64, 65, 192),
                Subjects.add(64, 64, 192),
                AttentionSubjects.cached(8, 6, 256, 64),
                AttentionSubjects.rope(8, 6, 256, 64),
                Subjects.crossEntropy(256, 50_257),
                Subjects.softTargets(4096, 1000),
                Subjects.embedding(8, 256, 8192, 384),
                PatchSubjects.patchify(64, 32, 4),
                PatchSubjects.gather(64, 64, 16, 192),
                PatchSubjects.restore(64, 65, 17, 128),
                PatchSubjects.pool(64, 64, 192),
                PatchSubjects.loss(64, 64, 48),
                PatchSubjects.lossOfPixels(64, 64, 48),
                PatchSubjects.randomMask(64, 64, 16),
                UpdateSubjects.adamW(10_649_600),
                UpdateSubjects.ema(10_649_600),
                UpdateSubjects.gradientNorm(10_649_600),
                UpdateSubjects.narrow(10_649_600),
                UpdateSubjects.gradients(10_649_600),
                UpdateSubjects.init(10_649_600),
                UpdateSubjects.muon(1536, 384),
                UpdateSubjects.peak(1 << 16, 8192),
                WeightSubjects.conv2d(32, 32, 32, 32, 3, 1),
                WeightSubjects.conv2d(64, 32, 3, 64, 3, 2),
                WeightSubjects.lstm(32, 64, 256, 256),
                WeightSubjects.linear(2048, 1152, 384),
                WeightSubjects.linear(2048, 384, 384),
                WeightSubjects.linear(2048, 1536, 384),
                WeightSubjects.linear(2048, 384, 1536),
                WeightSubjects.linear(256, 2304, 768),
                WeightSubjects.linear(256, 3072, 768),
                WeightSubjects.linear(1088, 576, 192),
                WeightSubjects.linearGelu(2048, 1536, 384));
    }

    static List<Subject> toy() {
        return List.of(
                AttentionSubjects.attention(1, 2, 33, 32, true),
                Subjects.softmax(8, 48),
                Subjects.layerNorm(8, 64),
                Subjects.residualLayerNorm(8, 64),
                Subjects.rmsNorm(8, 64),
                Subjects.gelu(8, 64),
                Subjects.swiGlu(8, 32),
                Subjects.dropout(8, 64),
                Subjects.dropPath(2, 4, 64),
                Subjects.add(2, 4, 64),
                AttentionSubjects.cached(2, 2, 33, 32),
                AttentionSubjects.rope(1, 2, 16, 32),
                Subjects.crossEntropy(8, 50),
                Subjects.softTargets(8, 50),
                Subjects.embedding(1, 16, 50, 32),
                PatchSubjects.patchify(2, 16, 4),
                PatchSubjects.gather(2, 16, 4, 32),
                PatchSubjects.restore(2, 17, 5, 32),
                PatchSubjects.pool(2, 16, 32),
                PatchSubjects.loss(2, 16, 48),
                PatchSubjects.lossOfPixels(2, 16, 48),
                PatchSubjects.randomMask(2, 16, 4),
                UpdateSubjects.adamW(1024),
                UpdateSubjects.ema(1024),
                UpdateSubjects.gradientNorm(1024),
                UpdateSubjects.narrow(1024),
                UpdateSubjects.gradients(1024),
                UpdateSubjects.init(1024),
                UpdateSubjects.muon(24, 16),
                UpdateSubjects.peak(1024, 4),
                WeightSubjects.conv2d(1, 6, 4, 4, 3, 1),
                WeightSubjects.lstm(2, 3, 8, 8),
                WeightSubjects.linear(32, 48, 64),
                WeightSubjects.linearGelu(32, 48, 64));
    }
}
