package cloze.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.op.HostCuda;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The versions that a library defines, as its file tells them. */
class VersionNodesTest {
    @TempDir
    Path temporary;

    @Test
    void are_those_of_functions_and_not_of_the_file() throws IOException {
        assertThat(VersionNodes.of(HostCuda.cudnn())).containsExactly("libcudnn.so.9");
    }

    @Test
    void most_libraries_have_none() throws IOException {
        assertThat(VersionNodes.of(HostCuda.cublasLt())).isEmpty();
    }

    /** The C library of the JVM that runs this has many. */
    @Test
    void may_be_many() throws IOException {
        Path c = SharedLibrary.locate("libc.so.6", "malloc");
        assertThat(VersionNodes.of(c)).contains("GLIBC_2.14", "GLIBC_2.34").doesNotHaveDuplicates();
    }

    @Test
    void a_file_that_is_no_library_or_cut_off_is_an_error() throws IOException {
        Path text = Files.writeString(temporary.resolve("text.so"), "not a library, though long enough for a header\n");
        assertThatThrownBy(() -> VersionNodes.of(text))
                .isInstanceOf(IOException.class)
                .hasMessage(text + " is no library for 64 bits, little-endian");
        byte[] whole = Files.readAllBytes(HostCuda.cudnn());
        for (int length : new int[] {0, 20, 64, whole.length / 2}) {
            Path part = Files.write(temporary.resolve("part.so"), Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> VersionNodes.of(part))
                    .as("%d bytes", length)
                    .isInstanceOf(IOException.class)
                    .hasMessageStartingWith(part.toString());
        }
    }
}
