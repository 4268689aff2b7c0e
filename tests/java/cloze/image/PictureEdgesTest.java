package cloze.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.io.DataException;
import com.sun.management.ThreadMXBean;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.WritableRaster;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pictures that are half there, that claim to be large, or that have grey beside alpha. */
class PictureEdgesTest {
    private final ImageCodec codec = GoldenImages.codec();

    @TempDir
    Path folder;

    /** Grey 128 with alphas from 0 to 255, or 257 times that in 16 bits. */
    private static byte[] greyWithAlpha(String format, int bits) throws IOException {
        int type = bits == 8 ? DataBuffer.TYPE_BYTE : DataBuffer.TYPE_USHORT;
        var model = new ComponentColorModel(
                ColorSpace.getInstance(ColorSpace.CS_GRAY), true, false, java.awt.Transparency.TRANSLUCENT, type);
        WritableRaster raster = model.createCompatibleWritableRaster(256, 2);
        for (int x = 0; x < 256; x++) {
            for (int y = 0; y < 2; y++) {
                raster.setSample(x, y, 0, bits == 8 ? 128 : 128 * 257);
                raster.setSample(x, y, 1, bits == 8 ? x : x * 257);
            }
        }
        var out = new ByteArrayOutputStream();
        assertThat(ImageIO.write(new BufferedImage(model, raster, false, null), format, out))
                .isTrue();
        return out.toByteArray();
    }

    @ParameterizedTest
    @CsvSource({"png,8", "png,16", "tiff,8"})
    void grey_stays_as_light_as_it_is_stored_and_lies_on_white(String format, int bits) throws IOException {
        Picture found = codec.decode("grey." + format, greyWithAlpha(format, bits));
        assertThat(found.channels()).isEqualTo(1);
        for (int alpha = 0; alpha < 256; alpha++) {
            double expected = 128.0 * alpha / 255 + 255 - alpha;
            assertThat((double) found.at(0, alpha, 0)).isBetween(expected - 1, expected + 1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"rgb.jpg", "grey.jpg", "cmyk.jpg", "rgb.png", "lossless.webp", "lzw.tif", "rgb.bmp"})
    void a_part_of_a_file_is_no_picture(String name) throws IOException {
        byte[] whole = GoldenImages.bytes(name);
        for (int share = 10; share < 100; share += 15) {
            byte[] part = Arrays.copyOf(whole, whole.length * share / 100);
            assertThatThrownBy(() -> codec.decode(name, part))
                    .as("%d %%", share)
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining(name);
        }
    }

    /** The header of a lossless WebP and hardly anything behind it. */
    private static byte[] webp(int width, int height) {
        ByteBuffer file = ByteBuffer.allocate(61).order(ByteOrder.LITTLE_ENDIAN);
        file.put("RIFF".getBytes(StandardCharsets.US_ASCII)).putInt(53);
        file.put("WEBPVP8L".getBytes(StandardCharsets.US_ASCII)).putInt(41);
        return file.put((byte) 0x2f).putInt((width - 1) | ((height - 1) << 14)).array();
    }

    @Test
    @Timeout(10)
    void a_small_file_that_claims_a_large_picture_is_refused() {
        assertThatThrownBy(() -> codec.decode("large.webp", webp(16222, 1024)))
                .isInstanceOf(DataException.class)
                .hasMessage(
                        "large.webp, header: expected at most 10,000 pixels a byte, found 16222 x 1024 in 61 bytes");
        assertThatThrownBy(() -> codec.decode("large.webp", webp(9999, 9999))).isInstanceOf(DataException.class);
    }

    private static void chunk(DataOutputStream out, String type, byte[] data) throws IOException {
        byte[] name = type.getBytes(StandardCharsets.US_ASCII);
        var crc = new CRC32();
        crc.update(name);
        crc.update(data);
        out.writeInt(data.length);
        out.write(name);
        out.write(data);
        out.writeInt((int) crc.getValue());
    }

    @Test
    void text_and_profiles_in_a_png_are_not_inflated() throws IOException {
        byte[] plain = GoldenImages.bytes("rgb.png");
        var inflating = new ByteArrayOutputStream();
        inflating.write("name\0\0".getBytes(StandardCharsets.US_ASCII));
        try (var deflate = new DeflaterOutputStream(inflating)) {
            byte[] zeros = new byte[1 << 20];
            for (int i = 0; i < 256; i++) {
                deflate.write(zeros);
            }
        }
        var bytes = new ByteArrayOutputStream();
        var out = new DataOutputStream(bytes);
        out.write(plain, 0, 33); // the signature and the header
        chunk(out, "zTXt", inflating.toByteArray());
        chunk(out, "iCCP", inflating.toByteArray());
        out.write(plain, 33, plain.length - 33);
        Picture expected = codec.decode("plain.png", plain);
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        Picture found = codec.decode("text.png", bytes.toByteArray());
        assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(32 << 20);
        assertThat(found.samples()).isEqualTo(expected.samples());
    }

    @Test
    void classes_have_one_numbering_in_both_parts() throws IOException {
        for (String file : new String[] {"train/a", "train/b", "train/c", "val/b", "val/c"}) {
            Path image = folder.resolve(file).resolve("x.png");
            Files.createDirectories(image.getParent());
            Files.write(image, GoldenImages.bytes("rgb.png"));
        }
        try (ImageData data = ImageData.open(folder.toString(), folder, 0.1)) {
            ImageSet held = data.heldOut();
            assertThat(held.classes()).containsExactly("a", "b", "c");
            assertThat(held.classes().get(held.label(0))).isEqualTo("b");
            assertThat(held.classes().get(held.label(1))).isEqualTo("c");
        }
    }
}
