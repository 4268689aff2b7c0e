package cloze.image;

/** A batch of images and their classes. The receiver owns the arrays. */
public final class ImageBatch {
    private final float[] pixels;
    private final int[] labels;

    public ImageBatch(float[] pixels, int[] labels) {
        this.pixels = pixels;
        this.labels = labels;
    }

    /** [B, side, side, C], normalised. */
    public float[] pixels() {
        return pixels;
    }

    /** [B], -1 if the class is unknown. */
    public int[] labels() {
        return labels;
    }

    /** B */
    public int count() {
        return labels.length;
    }
}
