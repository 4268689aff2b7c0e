package cloze.image;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Draws pictures of one size as a grid on white, each enlarged by an integer factor. */
public final class PictureGrid {
    private static final int GAP = 4;

    private PictureGrid() {}

    /**
     * Draws a grid.
     *
     * @param rows rows of equal length
     * @param least minimum side of a picture in the grid, in pixels
     */
    public static Picture draw(List<List<Picture>> rows, int least) {
        Picture first = rows.getFirst().getFirst();
        int scale = Math.max(1, Math.ceilDiv(least, Math.min(first.height(), first.width())));
        int cellH = first.height() * scale + GAP;
        int cellW = first.width() * scale + GAP;
        int height = rows.size() * cellH + GAP;
        int width = rows.getFirst().size() * cellW + GAP;
        var to = new byte[Math.multiplyExact(3 * height, width)];
        Arrays.fill(to, (byte) 255);
        for (int row = 0; row < rows.size(); row++) {
            for (int column = 0; column < rows.get(row).size(); column++) {
                Picture picture = rows.get(row).get(column).withChannels(3);
                if (picture.height() != first.height() || picture.width() != first.width()) {
                    throw new IllegalArgumentException(String.format(
                            Locale.ROOT,
                            "PictureGrid: all must be %d x %d, but one is %d x %d",
                            first.height(),
                            first.width(),
                            picture.height(),
                            picture.width()));
                }
                put(picture, scale, to, width, GAP + row * cellH, GAP + column * cellW);
            }
        }
        return new Picture(height, width, 3, to);
    }

    private static void put(Picture picture, int scale, byte[] to, int width, int top, int left) {
        for (int y = 0; y < picture.height() * scale; y++) {
            for (int x = 0; x < picture.width() * scale; x++) {
                int from = 3 * (y / scale * picture.width() + x / scale);
                System.arraycopy(picture.samples(), from, to, 3 * ((top + y) * width + left + x), 3);
            }
        }
    }
}
