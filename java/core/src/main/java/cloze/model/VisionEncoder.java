package cloze.model;

import cloze.autograd.Tape;

/** An encoder of square images, row by row with channels last, normalised. */
public interface VisionEncoder extends Encoder<float[]> {
    /** Pixels of a side. */
    int side();

    /** C */
    int channels();

    /** H, the attention heads of a block; 0 if there are none. */
    default int heads() {
        return 0;
    }

    /** The number of values of an image. */
    default int pixels() {
        return side() * side() * channels();
    }

    /**
     * The attention of the class token in the last block, on the host. The rest to 1 is that of the class token itself.
     *
     * @return [B, H, N], the probabilities of the patches of a square grid
     * @throws UnsupportedOperationException if the encoder has no class token
     */
    default float[] classAttention(Tape tape, float[] images) {
        throw new UnsupportedOperationException("this encoder has no class token, and so no attention to draw");
    }
}
