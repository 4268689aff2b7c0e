package cloze.image;

import java.util.Locale;
import java.util.Objects;

/** An image in memory: 8-bit samples [H, W, C] in row-major order; C is 1 (grey) or 3 (RGB). */
public final class Picture {
    private final int height;
    private final int width;
    private final int channels;
    private final byte[] samples;

    /**
     * Keeps the array without a copy; the caller must not change it afterwards.
     *
     * @param samples [H, W, C], unsigned
     */
    public Picture(int height, int width, int channels, byte[] samples) {
        if (height < 1 || width < 1 || (channels != 1 && channels != 3)) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "Picture: expected at least 1 x 1 pixels of 1 or 3 channels, but it has %d x %d of %d",
                    height,
                    width,
                    channels));
        }
        if (samples.length != Math.multiplyExact(Math.multiplyExact(height, width), channels)) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "Picture: samples must be %d x %d x %d, but they are %d",
                    height,
                    width,
                    channels,
                    samples.length));
        }
        this.height = height;
        this.width = width;
        this.channels = channels;
        this.samples = samples;
    }

    public int height() {
        return height;
    }

    public int width() {
        return width;
    }

    public int channels() {
        return channels;
    }

    /** The sample, 0 to 255. */
    public int at(int y, int x, int c) {
        Objects.checkIndex(y, height);
        Objects.checkIndex(x, width);
        Objects.checkIndex(c, channels);
        return samples[(y * width + x) * channels + c] & 0xFF;
    }

    /** All samples [H, W, C], not copied; must not be changed. */
    byte[] samples() {
        return samples;
    }

    /** Converts to grey (luma of Rec. 601) or to colour (three equal channels). */
    public Picture withChannels(int wanted) {
        if (wanted == channels) {
            return this;
        }
        int pixels = height * width;
        byte[] to = new byte[Math.multiplyExact(pixels, wanted)];
        for (int i = 0; i < pixels; i++) {
            if (wanted == 1) {
                to[i] = luma(samples[3 * i] & 0xFF, samples[3 * i + 1] & 0xFF, samples[3 * i + 2] & 0xFF);
            } else {
                to[3 * i] = samples[i];
                to[3 * i + 1] = samples[i];
                to[3 * i + 2] = samples[i];
            }
        }
        return new Picture(height, width, wanted, to);
    }

    private static byte luma(int r, int g, int b) {
        return (byte) ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16); // 0.299, 0.587, 0.114
    }

    /** Rotates and mirrors the picture upright, by an EXIF orientation from 1 to 8. */
    public Picture oriented(int orientation) {
        if (orientation <= 1 || orientation > 8) {
            return this;
        }
        boolean turned = orientation >= 5;
        boolean bottomUp = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
        boolean rightLeft = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
        int h = turned ? width : height;
        int w = turned ? height : width;
        byte[] to = new byte[samples.length];
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                int row = turned ? x : y;
                int column = turned ? y : x;
                int fromY = bottomUp ? height - 1 - row : row;
                int fromX = rightLeft ? width - 1 - column : column;
                System.arraycopy(samples, (fromY * width + fromX) * channels, to, (y * w + x) * channels, channels);
            }
        }
        return new Picture(h, w, channels, to);
    }
}
