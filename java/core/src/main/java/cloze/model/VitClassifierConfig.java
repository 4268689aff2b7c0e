package cloze.model;

/**
 * Sizes of a vision transformer that tells classes apart.
 *
 * @param encoder sees whole images
 * @param classes V
 * @param pool what of the encoder's tokens the head sees
 * @param dropPath share of the samples for which the last block adds nothing while training; it grows linearly from 0 at
 *     the first block
 */
public record VitClassifierConfig(VitConfig encoder, int classes, Pool pool, double dropPath) {
    /** What of the encoder's tokens the head sees. */
    public enum Pool {
        /** The mean over the patches, then a norm of its own in place of the encoder's last. */
        MEAN,
        /** The class token behind the encoder's last norm. */
        CLASS_TOKEN
    }

    public VitClassifierConfig {
        if (classes < 2) {
            throw new IllegalArgumentException("VitClassifierConfig: classes must be 2 or more, but are " + classes);
        }
        if (!(dropPath >= 0 && dropPath < 1)) {
            throw new IllegalArgumentException(
                    "VitClassifierConfig: dropPath must be in [0, 1), but it is " + dropPath);
        }
    }
}
