package cloze.image;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Normalises samples in 0..1 for each channel: {@code (x - mean) / deviation}.
 *
 * @param mean [C]
 * @param deviation [C], standard deviations
 */
public record Normalization(List<Double> mean, List<Double> deviation) {
    /** Mean and deviation of ImageNet, as in the reference recipes. */
    public static final Normalization IMAGENET =
            new Normalization(List.of(0.485, 0.456, 0.406), List.of(0.229, 0.224, 0.225));

    private static final int ENOUGH = 5000; // images

    public Normalization {
        mean = List.copyOf(mean);
        deviation = List.copyOf(deviation);
        if (mean.isEmpty() || mean.size() != deviation.size()) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "Normalization: mean and deviation must be of one length, but are %s and %s",
                    mean,
                    deviation));
        }
        for (double d : deviation) {
            if (!(d > 0 && Double.isFinite(d))) {
                throw new IllegalArgumentException("Normalization: deviations must be above 0, but are " + deviation);
            }
        }
    }

    public int channels() {
        return mean.size();
    }

    /**
     * Computes mean and deviation from up to 5000 evenly spaced images of a set; unreadable images are skipped.
     *
     * @throws IOException if none of the images can be read
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
            deviation.add(Math.max(1e-3, Math.sqrt(Math.max(0, squares[c] / pixels - m * m)))); // not 0
        }
        return new Normalization(mean, deviation);
    }

    /** Normalises samples in 0..255, [pixels, C], in place. */
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

    /** Converts normalised pixels [side, side, C] back to a picture. */
    public Picture picture(float[] pixels, int side) {
        byte[] samples = new byte[pixels.length];
        for (int i = 0; i < samples.length; i++) {
            samples[i] = (byte) sample(pixels[i], i % channels());
        }
        return new Picture(side, side, channels(), samples);
    }

    /** Converts a normalised value back to a sample in 0..255, rounded. */
    public int sample(float value, int channel) {
        double unit = value * deviation.get(channel) + mean.get(channel);
        return Math.clamp(Math.round(255 * unit), 0, 255);
    }
}
