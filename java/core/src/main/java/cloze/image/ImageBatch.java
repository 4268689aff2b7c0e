package cloze.image;

/** Images side by side, and their classes. Its arrays belong to who asked for it. */
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

    /** [B], -1 where the class is not known. */
    public int[] labels() {
        return labels;
    }

    /** B */
    public int count() {
        return labels.length;
    }
}
