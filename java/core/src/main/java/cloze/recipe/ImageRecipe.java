package cloze.recipe;

import cloze.checkpoint.CheckpointException;
import cloze.foreign.Companions;
import cloze.image.ImageBatch;
import cloze.image.ImageSettings;
import cloze.image.Normalization;
import cloze.io.BatchSource;
import cloze.model.VitConfig;
import cloze.nn.Stack;
import cloze.op.Attention;
import cloze.op.AttentionMask;
import cloze.op.Heads;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SplittableRandom;

/** A recipe for models of images whose encoder is a vision transformer. */
interface ImageRecipe<C extends Record, M> extends Recipe<C, M> {
    /** Sizes of the encoder, under whose names the model holds its parameters. */
    VitConfig vit(C config);

    /**
     * The normalisation and the classes of a run's images.
     *
     * @throws CheckpointException if the normalisation is one for other channels
     */
    static Companions companions(ImageSettings images, VitConfig encoder, Path folder) throws CheckpointException {
        Normalization normalization = images.normalization();
        if (normalization != null && normalization.channels() != encoder.channels()) {
            throw new CheckpointException(
                    folder.resolve("config.json"),
                    "normalization of the images",
                    String.format(Locale.ROOT, "given for %d channels", encoder.channels()),
                    "" + normalization.mean());
        }
        return Companions.of(normalization, images.classes());
    }

    /** The same batch of random images again and again, of class 0. */
    static BatchSource<ImageBatch> randomImages(VitConfig config, int batch, long seed) {
        var random = new SplittableRandom(seed);
        var pixels = new float[batch * config.image() * config.image() * config.channels()];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextGaussian();
        }
        var images = new ImageBatch(pixels, new int[batch]);
        return _ -> images;
    }

    /** Operations of the forward pass of blocks over so many tokens: matrix multiplications and attention. */
    static double forward(Stack stack, int tokens) {
        double width = stack.width();
        Heads heads = Heads.of(stack.heads(), stack.width() / stack.heads());
        double attention = 2.0 * Attention.multiplyAdds(1, tokens, tokens, heads, new AttentionMask.None());
        return stack.layers() * (24 * tokens * width * width + attention);
    }
}
