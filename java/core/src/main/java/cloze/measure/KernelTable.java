package cloze.measure;

import java.util.ArrayList;
import java.util.List;

/** Which ops are measured at which shapes. */
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
        all.add(Subjects.rope(16, 12, 1024, 64));
        all.add(Subjects.crossEntropy(16_384, TILED_VOCABULARY));
        all.add(Subjects.crossEntropy(16_384, GPT2_VOCABULARY));
        all.add(Subjects.embedding(16, 1024, GPT2_VOCABULARY, 768));
        all.add(PatchSubjects.patchify(256, 224, 16));
        all.add(PatchSubjects.gather(256, 196, 49, 768));
        all.add(PatchSubjects.restore(256, 197, 50, 512));
        all.add(PatchSubjects.pool(256, 196, 768));
        all.add(PatchSubjects.loss(256, 196, 768));
        all.add(UpdateSubjects.adamW(GPT2_PARAMETERS));
        all.add(UpdateSubjects.ema(GPT2_PARAMETERS));
        all.add(UpdateSubjects.gradientNorm(GPT2_PARAMETERS));
        all.add(UpdateSubjects.narrow(GPT2_PARAMETERS));
        all.add(Subjects.linear(16_384, 2304, 768));
        all.add(Subjects.linear(16_384, 3072, 768));
        all.add(Subjects.linear(16_384, 768, 3072));
        all.add(Subjects.linear(16_384, TILED_VOCABULARY, 768));
        all.add(Subjects.linear(16_384, PADDED_VOCABULARY, 768));
        all.add(Subjects.linearGelu(16_384, 3072, 768));
        all.add(Subjects.attention(16, 12, 1024, 64, true));
        all.add(Subjects.attention(256, 12, 50, 64, false)); // the encoder of a masked autoencoder
        all.add(Subjects.attention(256, 16, 197, 32, false)); // and its decoder
        for (int t : new int[] {512, 2048, 16_384}) {
            all.add(longAttention(t, 64, false));
            all.add(longAttention(t, 128, false));
            all.add(longAttention(t, 128, true));
        }
        return all;
    }

    private static Subject longAttention(int t, int width, boolean causal) {
        return Subjects.attention(ATTENTION_TOKENS / t, ATTENTION_WIDTH / width, t, width, causal);
    }

    static List<Subject> cpu() {
        return List.of(
                Subjects.attention(8, 6, 256, 64, true),
                Subjects.attention(4, 12, 64, 64, true),
                Subjects.attention(64, 3, 17, 64, false),
                Subjects.attention(64, 4, 65, 32, false),
                Subjects.softmax(12_288, 256),
                Subjects.layerNorm(2048, 384),
                Subjects.layerNorm(1088, 192),
                Subjects.residualLayerNorm(2048, 384),
                Subjects.rmsNorm(2048, 384),
                Subjects.gelu(2048, 1536),
                Subjects.swiGlu(2048, 1024),
                Subjects.dropout(2048, 384),
                Subjects.rope(8, 6, 256, 64),
                Subjects.crossEntropy(256, 50_257),
                Subjects.embedding(8, 256, 8192, 384),
                PatchSubjects.patchify(64, 32, 4),
                PatchSubjects.gather(64, 64, 16, 192),
                PatchSubjects.restore(64, 65, 17, 128),
                PatchSubjects.pool(64, 64, 192),
                PatchSubjects.loss(64, 64, 48),
                UpdateSubjects.adamW(10_649_600),
                UpdateSubjects.ema(10_649_600),
                UpdateSubjects.gradientNorm(10_649_600),
                Subjects.linear(2048, 1152, 384),
                Subjects.linear(2048, 384, 384),
                Subjects.linear(2048, 1536, 384),
                Subjects.linear(2048, 384, 1536),
                Subjects.linear(256, 2304, 768),
                Subjects.linear(256, 3072, 768),
                Subjects.linear(1088, 576, 192),
                Subjects.linearGelu(2048, 1536, 384));
    }

    static List<Subject> toy() {
        return List.of(
                Subjects.attention(1, 2, 33, 32, true),
                Subjects.softmax(8, 48),
                Subjects.layerNorm(8, 64),
                Subjects.residualLayerNorm(8, 64),
                Subjects.rmsNorm(8, 64),
                Subjects.gelu(8, 64),
                Subjects.swiGlu(8, 32),
                Subjects.dropout(8, 64),
                Subjects.rope(1, 2, 16, 32),
                Subjects.crossEntropy(8, 50),
                Subjects.embedding(1, 16, 50, 32),
                PatchSubjects.patchify(2, 16, 4),
                PatchSubjects.gather(2, 16, 4, 32),
                PatchSubjects.restore(2, 17, 5, 32),
                PatchSubjects.pool(2, 16, 32),
                PatchSubjects.loss(2, 16, 48),
                UpdateSubjects.adamW(1024),
                UpdateSubjects.ema(1024),
                UpdateSubjects.gradientNorm(1024),
                UpdateSubjects.narrow(1024),
                Subjects.linear(32, 48, 64),
                Subjects.linearGelu(32, 48, 64));
    }
}
