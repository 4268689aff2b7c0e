package cloze.media;

import cloze.image.Picture;
import java.awt.Transparency;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.awt.image.DataBufferByte;
import java.awt.image.PixelInterleavedSampleModel;
import java.awt.image.Raster;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Converts an image read by ImageIO to a {@link Picture}. */
final class PictureSamples {
    private static final int[] IN_ORDER = {0, 1, 2};
    private static final int[] TURNED = {2, 1, 0};

    private PictureSamples() {}

    static Picture of(BufferedImage image) {
        byte[] stored = stored(image);
        if (stored != null) {
            return new Picture(image.getHeight(), image.getWidth(), 3, stored);
        }
        return isGrey(image) ? grey(image) : rgb(image);
    }

    /** The samples as RGB if they are stored as interleaved RGB or BGR; else null. */
    private static byte @Nullable [] stored(BufferedImage image) {
        if (!(image.getRaster().getDataBuffer() instanceof DataBufferByte buffer)
                || !(image.getSampleModel() instanceof PixelInterleavedSampleModel model)
                || !image.getColorModel().getColorSpace().isCS_sRGB()) {
            return null;
        }
        byte[] from = buffer.getData();
        int[] bands = model.getBandOffsets();
        if (from.length != 3 * image.getHeight() * image.getWidth() || buffer.getNumBanks() != 1) {
            return null; // a part of a larger image, or not three samples per pixel
        }
        if (Arrays.equals(bands, IN_ORDER)) {
            return from;
        }
        return Arrays.equals(bands, TURNED) ? turned(from) : null;
    }

    private static byte[] turned(byte[] from) {
        byte[] to = new byte[from.length];
        for (int i = 0; i < to.length; i += 3) {
            to[i] = from[i + 2];
            to[i + 1] = from[i + 1];
            to[i + 2] = from[i];
        }
        return to;
    }

    /** Grey, with alpha beside it or without, in samples of its own. */
    private static boolean isGrey(BufferedImage image) {
        boolean opaque = image.getColorModel().getTransparency() == Transparency.OPAQUE;
        return image.getColorModel().getColorSpace().getType() == ColorSpace.TYPE_GRAY
                && (opaque
                        || (!image.isAlphaPremultiplied() && image.getRaster().getNumBands() == 2));
    }

    /**
     * Reads the stored samples directly, and puts them on white: Java treats grey as linear, so its conversion would make
     * them lighter.
     */
    private static Picture grey(BufferedImage image) {
        Raster raster = image.getRaster();
        int w = image.getWidth();
        byte[] to = new byte[image.getHeight() * w];
        int[] values = new int[w];
        int[] alphas = new int[w];
        Arrays.fill(alphas, 255);
        boolean hasAlpha = image.getColorModel().hasAlpha();
        for (int y = 0; y < image.getHeight(); y++) {
            row(image, raster, y, 0, values);
            if (hasAlpha) {
                row(image, raster, y, 1, alphas);
            }
            for (int x = 0; x < w; x++) {
                to[y * w + x] = onWhite(values[x], alphas[x]);
            }
        }
        return new Picture(image.getHeight(), w, 1, to);
    }

    /** A row of one band, from 0 to 255. */
    private static void row(BufferedImage image, Raster raster, int y, int band, int[] row) {
        int bits = image.getColorModel().getComponentSize(band);
        boolean floats = raster.getTransferType() == DataBuffer.TYPE_FLOAT;
        raster.getSamples(0, y, row.length, 1, band, row);
        for (int x = 0; x < row.length; x++) {
            int value = floats ? Math.round(255 * raster.getSampleFloat(x, y, band)) : toByte(row[x], bits);
            row[x] = Math.clamp(value, 0, 255);
        }
    }

    private static int toByte(int sample, int bits) {
        if (bits == 8) {
            return sample;
        }
        return bits > 8 ? sample >>> (bits - 8) : sample * 255 / ((1 << bits) - 1);
    }

    private static Picture rgb(BufferedImage image) {
        int w = image.getWidth();
        byte[] to = new byte[3 * image.getHeight() * w];
        int[] row = new int[w];
        for (int y = 0; y < image.getHeight(); y++) {
            image.getRGB(0, y, w, 1, row, 0, w);
            for (int x = 0; x < w; x++) {
                int at = 3 * (y * w + x);
                to[at] = onWhite(row[x] >> 16, row[x] >>> 24);
                to[at + 1] = onWhite(row[x] >> 8, row[x] >>> 24);
                to[at + 2] = onWhite(row[x], row[x] >>> 24);
            }
        }
        return new Picture(image.getHeight(), w, 3, to);
    }

    private static byte onWhite(int sample, int alpha) {
        int value = sample & 0xFF;
        return (byte) (alpha == 255 ? value : (value * alpha + 255 * (255 - alpha) + 127) / 255);
    }
}
