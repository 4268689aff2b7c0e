package cloze.bench;

/** Images, and the noise that decides which of their patches are hidden. */
public final class ImageSamples {
    private final float[] images;
    private final float[] noise;

    public ImageSamples(MaeShape shape) {
        var samples = new Samples(1);
        int side = shape.config().image();
        images = samples.normal(shape.batch() * side * side * shape.config().channels(), 1);
        noise = samples.normal(shape.batch() * shape.config().patches(), 1);
    }

    /** [B, side, side, C] */
    public float[] images() {
        return images.clone();
    }

    /** [B, N]: the patches with the smallest are kept. */
    public float[] noise() {
        return noise.clone();
    }
}
