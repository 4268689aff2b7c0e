package cloze.cli.plot;

import cloze.image.Picture;
import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;

/** Pictures in rows and columns on white, each with a line of text below it. */
public final class Sheet {
    private static final int GAP = 10;
    private static final int LINE = 20;
    private static final Color TEXT = new Color(0x202020);

    /** A picture and its caption. */
    public record Cell(BufferedImage picture, String caption) {}

    private Sheet() {}

    public static BufferedImage image(Picture picture) {
        Picture rgb = picture.withChannels(3);
        var image = new BufferedImage(rgb.width(), rgb.height(), BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < rgb.height(); y++) {
            for (int x = 0; x < rgb.width(); x++) {
                image.setRGB(x, y, rgb.at(y, x, 0) << 16 | rgb.at(y, x, 1) << 8 | rgb.at(y, x, 2));
            }
        }
        return image;
    }

    /**
     * Draws rows, which may differ in length.
     *
     * @param side pixels of a cell's picture, which is scaled to fit
     */
    public static void write(Path png, List<List<Cell>> rows, int side) throws IOException {
        int columns = rows.stream().mapToInt(List::size).max().orElse(0);
        int width = GAP + columns * (side + GAP);
        int height = GAP + rows.size() * (side + LINE + GAP);
        var sheet = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D g = sheet.createGraphics();
        g.setColor(Color.WHITE);
        g.fillRect(0, 0, width, height);
        g.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        g.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13));
        for (int row = 0; row < rows.size(); row++) {
            for (int column = 0; column < rows.get(row).size(); column++) {
                int top = GAP + row * (side + LINE + GAP);
                draw(g, rows.get(row).get(column), GAP + column * (side + GAP), top, side);
            }
        }
        g.dispose();
        ImageIO.write(sheet, "png", png.toFile());
    }

    private static void draw(Graphics2D g, Cell cell, int left, int top, int side) {
        BufferedImage picture = cell.picture;
        double scale = (double) side / Math.max(picture.getWidth(), picture.getHeight());
        int w = Math.max(1, (int) Math.round(picture.getWidth() * scale));
        int h = Math.max(1, (int) Math.round(picture.getHeight() * scale));
        g.setRenderingHint(
                RenderingHints.KEY_INTERPOLATION,
                scale > 1
                        ? RenderingHints.VALUE_INTERPOLATION_NEAREST_NEIGHBOR // pixels are to be seen
                        : RenderingHints.VALUE_INTERPOLATION_BILINEAR);
        g.drawImage(picture, left + (side - w) / 2, top + side - h, w, h, null); // right above its text
        g.setColor(TEXT);
        FontMetrics metrics = g.getFontMetrics();
        String text = fitting(cell.caption, metrics, side);
        g.drawString(text, left + (side - metrics.stringWidth(text)) / 2, top + side + 15);
    }

    /** Shortens a text from the front: paths differ at the end. */
    private static String fitting(String text, FontMetrics metrics, int width) {
        String shown = text;
        for (int cut = 1; metrics.stringWidth(shown) > width && cut < text.length(); cut++) {
            shown = "…" + text.substring(cut);
        }
        return shown;
    }
}
