package cloze.image;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What samples in 0..1 are shifted and scaled by, for each channel: {@code (x - mean) / deviation}.
 *
 * @param mean [C]
 * @param deviation [C], standard deviations
 */
public record Normalization(List<Double> mean, List<Double> deviation) {
    /** That of the reference recipes on photographs. */
    public static final Normalization IMAGENET =
            new Normalization(List.of(0.485, 0.456, 0.406), List.of(0.229, 0.224, 0.225));

    private static final int ENOUGH = 5000; // images

    public Normalization {
        mean = List.copyOf(mean);
        deviation = List.copyOf(deviation);
        if (mean.isEmpty() || mean.size() != deviation.size()) {
            throw new IllegalArgumentException(
                    "Normalization: mean and deviation must be of one length, but are %s and %s"
                            .formatted(mean, deviation));
        }
        for (double d : deviation) {
            if (!(d > 0)) {
                throw new IllegalArgumentException("Normalization: deviations must be above 0, but are " + deviation);
            }
        }
    }

    public int channels() {
        return mean.size();
    }

    /**
     * That of a set, from up to 5000 of its images spread evenly; images that can not be read are left out.
     *
     * @throws IOException if none of them can be read
     */
    public static Normalization of(ImageSet images, int channels) throws IOException {
        double[] sum = new double[channels];
        double[] squares = new double[channels];
        long pixels = 0;
        int looked = Math.min(ENOUGH, images.count());
        IOException last = null;
        for (int n = 0; n < looked; n++) {
            Picture picture;
            try {
                picture =
                        images.read((int) ((long) n * images.count() / looked)).withChannels(channels);
            } catch (IOException e) {
                last = e;
                continue;
            }
            byte[] samples = picture.samples();
            for (int i = 0; i < samples.length; i++) {
                double value = (samples[i] & 0xFF) / 255.0;
                sum[i % channels] += value;
                squares[i % channels] += value * value;
            }
            pixels += samples.length / channels;
        }
        if (pixels == 0) {
            throw last == null ? new IOException("there are no images") : last;
        }
        return of(sum, squares, pixels);
    }

    private static Normalization of(double[] sum, double[] squares, long pixels) {
        List<Double> mean = new ArrayList<>();
        List<Double> deviation = new ArrayList<>();
        for (int c = 0; c < sum.length; c++) {
            double m = sum[c] / pixels;
            mean.add(m);
            deviation.add(Math.max(1e-3, Math.sqrt(Math.max(0, squares[c] / pixels - m * m)))); // one colour only
        }
        return new Normalization(mean, deviation);
    }

    /** Changes samples in 0..255, [pixels, C], in place. */
    void apply(float[] samples, int at, int count) {
        int channels = channels();
        for (int c = 0; c < channels; c++) {
            float shift = (float) (255 * mean.get(c));
            float scale = (float) (1 / (255 * deviation.get(c)));
            for (int i = at + c; i < at + count; i += channels) {
                samples[i] = (samples[i] - shift) * scale;
            }
        }
    }

    /** Normalised pixels [side, side, C] as the picture that they were. */
    public Picture picture(float[] pixels, int side) {
        byte[] samples = new byte[pixels.length];
        for (int i = 0; i < samples.length; i++) {
            samples[i] = (byte) sample(pixels[i], i % channels());
        }
        return new Picture(side, side, channels(), samples);
    }

    /** The sample in 0..255, rounded, that became {@code value}. */
    public int sample(float value, int channel) {
        double unit = value * deviation.get(channel) + mean.get(channel);
        return Math.clamp(Math.round(255 * unit), 0, 255);
    }
}
