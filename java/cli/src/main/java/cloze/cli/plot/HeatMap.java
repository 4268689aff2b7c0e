package cloze.cli.plot;

import java.awt.Color;
import java.awt.image.BufferedImage;

/** Values of a square grid as colours over an image. */
public final class HeatMap {
    /** Colours from dark to light, even in lightness and safe for colour-blind readers, close to viridis. */
    private static final int[] COLOURS = {0x000004, 0x2D0B59, 0x781C6D, 0xBC3754, 0xED6925, 0xFCB519, 0xFCFFA4};

    private static final double IMAGE = 0.35; // its part

    private HeatMap() {}

    /**
     * Colours between the least and the largest value, interpolated, over the image in grey.
     *
     * @param values [grid, grid]
     * @param side of the result, in pixels
     */
    public static BufferedImage over(BufferedImage image, float[] values, int side) {
        int grid = (int) Math.round(Math.sqrt(values.length));
        float least = Float.POSITIVE_INFINITY;
        float most = Float.NEGATIVE_INFINITY;
        for (float value : values) {
            least = Math.min(least, value);
            most = Math.max(most, value);
        }
        float range = Math.max(most - least, Float.MIN_NORMAL);
        var map = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < side; y++) {
            for (int x = 0; x < side; x++) {
                double heat = (at(values, grid, place(y, side, grid), place(x, side, grid)) - least) / range;
                var pixel = new Color(image.getRGB(x * image.getWidth() / side, y * image.getHeight() / side));
                double grey = 0.299 * pixel.getRed() + 0.587 * pixel.getGreen() + 0.114 * pixel.getBlue();
                map.setRGB(x, y, blend(heat, grey));
            }
        }
        return map;
    }

    /** The position of a pixel between the centres of the grid's cells. */
    private static double place(int pixel, int side, int grid) {
        return Math.clamp((pixel + 0.5) * grid / side - 0.5, 0, grid - 1);
    }

    private static double at(float[] values, int grid, double y, double x) {
        int y0 = (int) y;
        int x0 = (int) x;
        int y1 = Math.min(grid - 1, y0 + 1);
        int x1 = Math.min(grid - 1, x0 + 1);
        double top = values[y0 * grid + x0] * (x0 + 1 - x) + values[y0 * grid + x1] * (x - x0);
        double bottom = values[y1 * grid + x0] * (x0 + 1 - x) + values[y1 * grid + x1] * (x - x0);
        return top * (y0 + 1 - y) + bottom * (y - y0);
    }

    private static int blend(double heat, double grey) {
        double at = heat * (COLOURS.length - 1);
        int below = Math.min(COLOURS.length - 2, (int) at);
        int rgb = 0;
        for (int shift = 16; shift >= 0; shift -= 8) {
            double low = COLOURS[below] >> shift & 0xFF;
            double high = COLOURS[below + 1] >> shift & 0xFF;
            double colour = low + (high - low) * (at - below);
            rgb |= Math.clamp(Math.round((1 - IMAGE) * colour + IMAGE * grey), 0, 255) << shift;
        }
        return rgb;
    }
}
