package cloze.media;

import cloze.image.ImageCodec;
import cloze.image.Picture;
import cloze.io.DataException;
import com.drew.imaging.ImageMetadataReader;
import com.drew.imaging.ImageProcessingException;
import com.drew.metadata.Directory;
import com.drew.metadata.exif.ExifDirectoryBase;
import com.drew.metadata.exif.ExifIFD0Directory;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.imageio.ImageIO;
import javax.imageio.ImageReadParam;
import javax.imageio.ImageReader;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/**
 * Reads JPEG (also CMYK and grey), PNG, WebP, TIFF, GIF (its first image) and BMP, with ImageIO and the plug-ins of
 * TwelveMonkeys. Applies the EXIF orientation and puts transparent images on white.
 */
public final class ImageIoCodec implements ImageCodec {
    /** The warning of Java's JPEG reader, which fills the rest with grey. */
    private static final String NO_END = "Missing EOI marker";

    private static final Set<String> ENDINGS = Set.of("jpg", "jpeg", "jpe", "png", "webp", "tif", "tiff", "gif", "bmp");

    /** The most pixels that a byte of a large image may stand for: real ones stay below a hundred, a plain area reaches some thousand. */
    private static final long PIXELS_PER_BYTE = 10_000;

    private static final long SMALL = 1 << 20; // pixels, which any file may have

    private static final ImageTypeSpecifier RGB = ImageTypeSpecifier.createInterleaved(
            ColorSpace.getInstance(ColorSpace.CS_sRGB), new int[] {0, 1, 2}, DataBuffer.TYPE_BYTE, false, false);

    @Override
    public boolean reads(String name) {
        return ENDINGS.contains(ImageCodec.ending(Path.of(name)));
    }

    @Override
    public Picture decode(String name, byte[] encoded) throws IOException {
        try {
            return PictureSamples.of(read(name, encoded)).oriented(orientation(encoded));
        } catch (DataException e) {
            throw e;
        } catch (IOException | RuntimeException | StackOverflowError e) {
            throw broken(name, e); // a hostile file can make a reader throw any of these
        } catch (OutOfMemoryError e) {
            throw broken(name, e); // a second size inside the file may be larger than the checked one
        }
    }

    private static DataException broken(String name, Throwable because) {
        String reason = because.getMessage() == null ? because.toString() : because.getMessage();
        return new DataException(
                String.format(Locale.ROOT, "%s: expected an image that can be decoded: %s", name, reason), because);
    }

    private static BufferedImage read(String name, byte[] encoded) throws IOException {
        try (ImageInputStream in = new MemoryCacheImageInputStream(new ByteArrayInputStream(encoded))) {
            Iterator<ImageReader> readers = ImageIO.getImageReaders(in);
            if (!readers.hasNext()) {
                throw new DataException(name, "byte 0", "JPEG, PNG, WebP, TIFF, GIF or BMP", start(encoded));
            }
            ImageReader reader = readers.next();
            try {
                reader.setInput(in, true, true);
                long pixels = (long) reader.getWidth(0) * reader.getHeight(0);
                if (pixels > LARGEST) {
                    String size = String.format(Locale.ROOT, "%d x %d", reader.getWidth(0), reader.getHeight(0));
                    throw new DataException(
                            name, "header", String.format(Locale.ROOT, "at most %d pixels", LARGEST), size);
                }
                if (pixels > SMALL && pixels > PIXELS_PER_BYTE * encoded.length) {
                    String most = String.format(Locale.ROOT, "at most %,d pixels a byte", PIXELS_PER_BYTE);
                    String found = String.format(
                            Locale.ROOT,
                            "%d x %d in %d bytes",
                            reader.getWidth(0),
                            reader.getHeight(0),
                            encoded.length);
                    throw new DataException(name, "header", most, found);
                }
                var truncated = new AtomicBoolean(isCut(encoded));
                reader.addIIOReadWarningListener((_, warning) -> {
                    if (warning.contains(NO_END)) {
                        truncated.set(true);
                    }
                });
                BufferedImage image = reader.read(0, inOrder(reader));
                if (truncated.get()) {
                    throw new DataException(name, "end", "a whole image", "a truncated one");
                }
                return image;
            } finally {
                reader.dispose();
            }
        }
    }

    /** A WebP that is shorter than it says, of which its reader takes the missing part for zeros. */
    private static boolean isCut(byte[] encoded) {
        if (encoded.length < 12 || !new String(encoded, 0, 4, StandardCharsets.US_ASCII).equals("RIFF")) {
            return false;
        }
        int size = ByteBuffer.wrap(encoded).order(ByteOrder.LITTLE_ENDIAN).getInt(4);
        return Integer.toUnsignedLong(size) > encoded.length - 8;
    }

    /** Makes the JPEG reader store red before blue, as {@link Picture} does, so that no pass is needed to swap them. */
    private static ImageReadParam inOrder(ImageReader reader) throws IOException {
        ImageReadParam param = reader.getDefaultReadParam();
        boolean jpeg = reader.getFormatName().equalsIgnoreCase("jpeg"); // the BMP reader would swap blue and red
        if (jpeg && reader.getImageTypes(0).next().getBufferedImageType() == BufferedImage.TYPE_3BYTE_BGR) {
            param.setDestination(RGB.createBufferedImage(reader.getWidth(0), reader.getHeight(0)));
        }
        return param;
    }

    private static String start(byte[] encoded) {
        var hex = new StringBuilder();
        for (int i = 0; i < Math.min(8, encoded.length); i++) {
            hex.append(String.format(Locale.ROOT, "%02x ", encoded[i] & 0xFF));
        }
        return encoded.length == 0 ? "an empty file" : hex.toString().strip();
    }

    /** The EXIF orientation from 1 to 8; 1 if there is none. */
    private static int orientation(byte[] encoded) {
        try {
            byte[] head = PngChunks.isPng(encoded) ? PngChunks.exif(encoded) : encoded;
            var metadata = ImageMetadataReader.readMetadata(new ByteArrayInputStream(head), head.length);
            Directory exif = metadata.getFirstDirectoryOfType(ExifIFD0Directory.class);
            Integer said = exif == null ? null : exif.getInteger(ExifDirectoryBase.TAG_ORIENTATION);
            return said == null ? 1 : said;
        } catch (ImageProcessingException | IOException | RuntimeException e) {
            return 1; // the image itself is readable
        }
    }

    @Override
    public byte[] png(Picture picture) throws IOException {
        var image = new BufferedImage(picture.width(), picture.height(), BufferedImage.TYPE_INT_RGB);
        Picture rgb = picture.withChannels(3);
        for (int y = 0; y < picture.height(); y++) {
            for (int x = 0; x < picture.width(); x++) {
                image.setRGB(x, y, rgb.at(y, x, 0) << 16 | rgb.at(y, x, 1) << 8 | rgb.at(y, x, 2));
            }
        }
        var bytes = new ByteArrayOutputStream();
        try (var out = new MemoryCacheImageOutputStream(bytes)) { // avoids ImageIO's temporary file
            ImageIO.write(image, "png", out);
        }
        return bytes.toByteArray();
    }
}
