package cloze.image;

import cloze.io.DataException;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;

/** The files that tests/golden/images.py made. */
final class GoldenImages {
    private GoldenImages() {}

    static Path folder() {
        try {
            return Path.of(Objects.requireNonNull(GoldenImages.class.getResource("/golden/images"))
                    .toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    static ImageCodec codec() {
        try {
            return ImageCodec.installed();
        } catch (DataException e) {
            throw new AssertionError(e);
        }
    }

    static byte[] bytes(String name) throws IOException {
        return Files.readAllBytes(folder().resolve(name));
    }

    /** What Pillow reads from an image: {@code P5} or {@code P6}, width, height, 255, and the samples. */
    static Picture expected(String name) throws IOException {
        byte[] file = bytes(name + ".pnm");
        int line = 0;
        while (file[line] != '\n') {
            line++;
        }
        String[] header = new String(file, 0, line, StandardCharsets.US_ASCII).split(" ", -1);
        int channels = header[0].equals("P5") ? 1 : 3;
        byte[] samples = Arrays.copyOfRange(file, line + 1, file.length);
        return new Picture(Integer.parseInt(header[2]), Integer.parseInt(header[1]), channels, samples);
    }

    static float[] floats(String name) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(GoldenImages.bytes(name)).order(ByteOrder.LITTLE_ENDIAN);
        float[] values = new float[bytes.remaining() / Float.BYTES];
        bytes.asFloatBuffer().get(values);
        return values;
    }
}
