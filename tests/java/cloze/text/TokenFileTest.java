package cloze.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.io.DataException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenFileTest {
    @TempDir
    Path folder;

    private Path write(int vocabulary, int... ids) throws IOException {
        int width = TokenHeader.width(vocabulary);
        ByteBuffer body = ByteBuffer.allocate(ids.length * width).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        for (int id : ids) {
            if (width == 2) {
                body.putShort((short) id);
            } else {
                body.putInt(id);
            }
        }
        int checksum = TokenFile.checksum(MemorySegment.ofArray(body.array()));
        TokenHeader.Text text = new TokenHeader.Text(1, 10, 0);
        ByteBuffer header = new TokenHeader(width, vocabulary, checksum, ids.length, text, "00".repeat(16)).bytes();
        Path file = folder.resolve("f.tokens");
        byte[] all = new byte[TokenHeader.BYTES + body.capacity()];
        header.get(all, 0, TokenHeader.BYTES);
        System.arraycopy(body.array(), 0, all, TokenHeader.BYTES, body.capacity());
        return Files.write(file, all);
    }

    @ParameterizedTest
    @ValueSource(ints = {257, 65_536, 65_537, 1_000_000})
    void reads_what_was_written(int vocabulary) throws IOException {
        int[] ids = new Random(1).ints(1013, 0, vocabulary).toArray();
        ids[5] = vocabulary - 1;
        try (TokenFile file = TokenFile.open(write(vocabulary, ids))) {
            file.verify();
            assertThat(file.at(5)).isEqualTo(vocabulary - 1);
            int[] some = new int[500];
            file.read(13, MemorySegment.ofArray(some), 500);
            assertThat(some).containsExactly(Arrays.copyOfRange(ids, 13, 513));
            file.slice(100, 50).read(7, MemorySegment.ofArray(some), 43);
            assertThat(some[42]).isEqualTo(ids[149]);
            assertThatThrownBy(() -> file.read(1000, MemorySegment.ofArray(some), 14))
                    .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> file.slice(100, 50).at(50)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void refuses_every_cut_and_every_changed_byte_of_the_header() throws IOException {
        Path file = write(300, IntStream.range(0, 40).toArray());
        byte[] good = Files.readAllBytes(file);
        for (int length = 0; length < good.length; length++) {
            Files.write(file, Arrays.copyOf(good, length));
            assertThatThrownBy(() -> TokenFile.open(file).close())
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("f.tokens");
        }
        for (int i = 0; i < TokenHeader.BYTES; i++) {
            byte[] bad = good.clone();
            bad[i] ^= 0x41;
            Files.write(file, bad);
            assertThatThrownBy(() -> TokenFile.open(file).close()).isInstanceOf(DataException.class);
        }
    }

    @Test
    void refuses_ids_outside_the_vocabulary() throws IOException {
        try (TokenFile file = TokenFile.open(write(300, 1, 2, 300, 4))) {
            int[] ids = new int[4];
            assertThatThrownBy(() -> file.read(0, MemorySegment.ofArray(ids), 4))
                    .hasMessageContainingAll("f.tokens", "below 300", "300");
            assertThatThrownBy(file::verify).isInstanceOf(DataException.class).hasMessageContaining("token 2");
        }
        try (TokenFile file = TokenFile.open(write(100_000, 1, -2, 4))) {
            assertThatThrownBy(() -> file.read(0, MemorySegment.ofArray(new int[3]), 3))
                    .hasMessageContaining("below 100000");
        }
    }

    @Test
    void finds_a_changed_token_by_checksum() throws IOException {
        Path file = write(300, 1, 2, 3, 4);
        byte[] bytes = Files.readAllBytes(file);
        bytes[TokenHeader.BYTES] = 9;
        Files.write(file, bytes);
        try (TokenFile tokens = TokenFile.open(file)) {
            assertThatThrownBy(tokens::verify).isInstanceOf(DataException.class).hasMessageContaining("checksum");
        }
    }
}
