package cloze.bench;

import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.image.Picture;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;
import javax.imageio.ImageIO;

/**
 * JPEG files of the size of an ordinary photograph on the web, in a folder that goes with this: each is a wall of 20 of
 * CIFAR-10's pictures, enlarged fourfold.
 */
record JpegFolder(Path path) implements AutoCloseable {
    private static final int FILES = 200;
    private static final int ACROSS = 5;
    private static final int DOWN = 4;
    private static final int TILE = 128; // pixels

    static JpegFolder make(Path cache) throws IOException {
        Path folder = Files.createTempDirectory("cloze-jpeg");
        try (ImageData data = ImageData.open(ImageData.CIFAR_10, cache, 0.1)) {
            for (int i = 0; i < FILES; i++) {
                ImageIO.write(
                        wall(data.train(), i), "jpg", folder.resolve(i + ".jpg").toFile());
            }
        }
        return new JpegFolder(folder);
    }

    private static BufferedImage wall(ImageSet pictures, int number) throws IOException {
        var wall = new BufferedImage(ACROSS * TILE, DOWN * TILE, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = wall.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC);
        for (int i = 0; i < ACROSS * DOWN; i++) {
            BufferedImage tile = image(pictures.read(number * ACROSS * DOWN + i));
            graphics.drawImage(tile, i % ACROSS * TILE, i / ACROSS * TILE, TILE, TILE, null);
        }
        graphics.dispose();
        return wall;
    }

    private static BufferedImage image(Picture picture) {
        var image = new BufferedImage(picture.width(), picture.height(), BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < picture.height(); y++) {
            for (int x = 0; x < picture.width(); x++) {
                image.setRGB(x, y, picture.at(y, x, 0) << 16 | picture.at(y, x, 1) << 8 | picture.at(y, x, 2));
            }
        }
        return image;
    }

    @Override
    public void close() throws IOException {
        try (Stream<Path> tree = Files.walk(path)) {
            for (Path file : tree.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
