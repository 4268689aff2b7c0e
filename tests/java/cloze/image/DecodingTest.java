package cloze.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.io.DataException;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of many formats become the pixels that Pillow reads from them; hostile ones become exceptions. */
class DecodingTest {
    private final ImageCodec codec = GoldenImages.codec();

    static Stream<String> encoded() throws IOException {
        try (Stream<Path> files = Files.list(GoldenImages.folder())) {
            return files
                    .map(file -> file.getFileName().toString())
                    .filter(name -> !name.endsWith(".pnm") && !name.endsWith(".f32"))
                    .sorted()
                    .toList()
                    .stream();
        }
    }

    @ParameterizedTest
    @MethodSource("encoded")
    void reads_what_pillow_reads(String name) throws IOException {
        Picture found = codec.decode(name, GoldenImages.bytes(name));
        Picture expected = GoldenImages.expected(name);
        assertThat(found.height()).isEqualTo(expected.height());
        assertThat(found.width()).isEqualTo(expected.width());
        assertThat(found.channels()).isEqualTo(expected.channels());
        int worst = 0;
        double sum = 0;
        for (int i = 0; i < expected.samples().length; i++) {
            int off = Math.abs((found.samples()[i] & 0xFF) - (expected.samples()[i] & 0xFF));
            worst = Math.max(worst, off);
            sum += off;
        }
        double mean = sum / expected.samples().length;
        if (name.equals("cmyk.jpg")) {
            assertThat(mean).isLessThan(3); // another way from ink to light
        } else if (name.endsWith(".jpg") || name.equals("lossy.webp")) {
            assertThat(mean).isLessThan(1); // inverse cosine transforms and upsampling round differently
            assertThat(worst).isLessThanOrEqualTo(name.endsWith(".jpg") ? 4 : 24);
        } else {
            assertThat(worst).isLessThanOrEqualTo(name.equals("alpha.png") ? 1 : 0);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "rgb.png",
                "rgb.jpg",
                "lossless.webp",
                "lossy.webp",
                "lzw.tif",
                "frames.gif",
                "cmyk.jpg",
                "rgb.bmp"
            })
    void never_fails_but_by_its_own_exception(String name) throws IOException {
        byte[] whole = GoldenImages.bytes(name);
        var random = new Random(name.hashCode());
        int refused = 0;
        for (int i = 0; i < 300; i++) {
            byte[] hostile = i % 3 == 0 ? Arrays.copyOf(whole, random.nextInt(whole.length)) : whole.clone();
            for (int flips = 0; flips < i % 7 && hostile.length > 0; flips++) {
                hostile[random.nextInt(hostile.length)] = (byte) random.nextInt();
            }
            try {
                codec.decode(name, hostile);
            } catch (DataException e) {
                assertThat(e).hasMessageContaining(name);
                refused++;
            }
        }
        assertThat(refused).isPositive();
    }

    @Test
    void refuses_a_bomb_by_the_size_it_declares() throws IOException {
        assertThatThrownBy(() -> codec.decode("bomb.png", png(100_000, 100_000)))
                .isInstanceOf(DataException.class)
                .hasMessage("bomb.png, header: expected at most 100000000 pixels, found 100000 x 100000");
    }

    @Test
    void names_what_is_no_image() {
        assertThatThrownBy(() -> codec.decode("note.png", "hello".getBytes(StandardCharsets.UTF_8)))
                .isInstanceOf(DataException.class)
                .hasMessage("note.png, byte 0: expected JPEG, PNG, WebP, TIFF, GIF or BMP, found 68 65 6c 6c 6f");
        assertThatThrownBy(() -> codec.decode("none.png", new byte[0]))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("an empty file");
    }

    /** A PNG whose header is right and whose data are not there. */
    private static byte[] png(int width, int height) throws IOException {
        var header = new ByteArrayOutputStream();
        var fields = new DataOutputStream(header);
        fields.write("IHDR".getBytes(StandardCharsets.US_ASCII));
        fields.writeInt(width);
        fields.writeInt(height);
        fields.write(new byte[] {8, 2, 0, 0, 0});
        var crc = new CRC32();
        crc.update(header.toByteArray());
        var file = new ByteArrayOutputStream();
        var out = new DataOutputStream(file);
        out.write(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'});
        out.writeInt(13);
        out.write(header.toByteArray());
        out.writeInt((int) crc.getValue());
        return file.toByteArray();
    }
}
