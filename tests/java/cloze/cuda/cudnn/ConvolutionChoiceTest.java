package cloze.cuda.cudnn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.cuda.driver.LibrarySearch;
import cloze.op.HostCuda;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The library for convolution, and the reasons against a library. */
class ConvolutionChoiceTest {
    private static final String CHOICE = "cloze.cuda.convolutions";
    private static final String LIBRARY = "cloze.cuda.cudnn";
    private static final String NAME = "libclozetest.so.9"; // which the loader can not know
    private static final String UNVERSIONED = " is not taken: its functions must have the version libcudnn.so.9, "
            + "which JCudnn was linked against, but they have none";

    @TempDir
    Path root;

    private String before = "";

    @BeforeEach
    void remember() {
        before = System.getProperty(CHOICE, "");
    }

    @AfterEach
    void restore() {
        System.setProperty(CHOICE, before);
        System.clearProperty(LIBRARY);
    }

    /** Some library without versions. */
    private Path unversioned(String folder) throws IOException {
        Path file = Files.createDirectories(root.resolve(folder)).resolve(NAME);
        return Files.copy(HostCuda.cublasLt(), file);
    }

    private Path linked(String folder) throws IOException {
        Path file = Files.createDirectories(root.resolve(folder)).resolve(NAME);
        return Files.createSymbolicLink(file, HostCuda.cudnn());
    }

    private static String description() {
        try (Backend backend = Backends.open("cuda", BackendOptions.DEFAULT)) {
            return backend.description();
        }
    }

    @Test
    void own_kernels_can_be_asked_for() {
        System.setProperty(CHOICE, "own");
        System.setProperty(LIBRARY, HostCuda.cudnn().toString());
        assertThat(description()).contains(", convolutions by own kernels (cloze.cuda.convolutions=own), ");
    }

    @Test
    void a_library_that_is_found_is_taken_unless_own_kernels_are_asked_for() {
        System.setProperty(CHOICE, "");
        System.setProperty(LIBRARY, HostCuda.cudnn().toString());
        assertThat(description())
                .contains("convolutions by cuDNN 9.1.0 (" + HostCuda.cudnn()
                        + ", cloze.cuda.cudnn; cloze.cuda.convolutions=own leaves it aside)");
    }

    @Test
    void a_library_whose_functions_have_no_version_is_not_taken() throws IOException {
        Path file = unversioned("here");
        System.setProperty(CHOICE, "");
        System.setProperty(LIBRARY, file.toString());
        assertThat(description()).contains("convolutions by own kernels (" + file + UNVERSIONED + ")");
        System.setProperty(CHOICE, "cudnn");
        assertThatThrownBy(ConvolutionChoiceTest::description)
                .isInstanceOf(BackendException.class)
                .hasMessageEndingWith("cloze.cuda.convolutions=cudnn, but " + file + UNVERSIONED);
    }

    @Test
    void the_search_goes_on_behind_one_that_is_not_taken() throws IOException {
        Path bad = unversioned("usr/local/cuda-13.0/lib64");
        var search = new LibrarySearch(List.of(NAME), root, Map.of());
        assertThat(ConvolutionChoice.find(search, false)).isEqualTo(new ConvolutionChoice(null, bad + UNVERSIONED));
        Path good = linked("usr/lib/python3.12/site-packages/nvidia/cudnn/lib");
        ConvolutionChoice found = ConvolutionChoice.find(search, true);
        assertThat(found.library()).hasToString(good + ", a Python package");
        assertThat(found.reason()).isEqualTo("asked for by cloze.cuda.convolutions");
        Files.delete(good);
    }

    @Test
    void without_a_library_own_kernels_are_taken() {
        var search = new LibrarySearch(List.of(NAME), root, Map.of());
        assertThat(ConvolutionChoice.find(search, false).describe(null))
                .isEqualTo("convolutions by own kernels (libclozetest.so.9 is neither known to the loader nor in "
                        + root.resolve("usr/local/cuda*/lib64") + " nor in nvidia/*/lib of Python's packages)");
    }

    /** JCudnn is bound to one library. */
    @Test
    void a_process_takes_no_second_library() throws IOException {
        System.setProperty(CHOICE, "");
        System.setProperty(LIBRARY, HostCuda.cudnn().toString());
        assertThat(description()).contains("convolutions by cuDNN");
        Path other = Files.copy(HostCuda.cudnn(), root.resolve(NAME));
        System.setProperty(LIBRARY, other.toString());
        assertThat(description())
                .contains(String.format(
                                Locale.ROOT,
                                "convolutions by own kernels (%s, cloze.cuda.cudnn is not taken: this process has loaded ",
                                other)
                        + HostCuda.cudnn().toRealPath() + ", and can load no other)");
    }

    @Test
    void what_is_asked_for_and_missing_is_an_error() {
        System.setProperty(CHOICE, "cudnn");
        System.setProperty(LIBRARY, root.resolve(NAME).toString());
        assertThatThrownBy(ConvolutionChoiceTest::description)
                .isInstanceOf(BackendException.class)
                .hasMessage("device 'cuda' can not be used: cloze.cuda.cudnn=" + root.resolve(NAME)
                        + ", but there is no library that can be loaded");
        System.setProperty(CHOICE, "mkl");
        assertThatThrownBy(ConvolutionChoiceTest::description)
                .hasMessage(
                        "device 'cuda' can not be used: cloze.cuda.convolutions must be own or cudnn, but it is mkl");
    }
}
