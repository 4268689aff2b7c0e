package cloze.cuda.cublas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.cuda.driver.LibrarySearch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The library for matrix multiplication, and the search for it. */
class MatMulChoiceTest {
    private static final String CHOICE = "cloze.cuda.matmul";
    private static final String LIBRARY = "cloze.cuda.cublasLt";
    private static final List<String> NAMES = List.of("libclozetest.so.13", "libclozetest.so.12");

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

    /** Some library under another name. */
    private Path place(String folder, String name) throws IOException {
        Path file = Files.createDirectories(root.resolve(folder)).resolve(name);
        return Files.copy(Path.of(System.getProperty("cloze.cuda.kernels")), file);
    }

    private LibrarySearch.Found find(Map<String, String> environment) {
        return new LibrarySearch(NAMES, root, environment).find();
    }

    @Test
    void folders_of_cuda_come_before_python_packages() throws IOException {
        place("usr/lib/python3.12/site-packages/nvidia/cublas/lib", NAMES.get(0));
        Path older = place("usr/local/cuda-12.8/lib64", NAMES.get(0));
        assertThat(find(Map.of())).hasToString(older + ", a folder of CUDA");
        Path newer = place("usr/local/cuda-13.0/lib64", NAMES.get(0));
        assertThat(find(Map.of())).hasToString(newer + ", a folder of CUDA");
    }

    @Test
    void the_first_name_is_looked_for_everywhere_before_the_second() throws IOException {
        place("usr/local/cuda/lib64", NAMES.get(1));
        Path first = place("venv/lib/python3.13/site-packages/nvidia/cu13/lib", NAMES.get(0));
        assertThat(find(Map.of("VIRTUAL_ENV", root.resolve("venv").toString())))
                .hasToString(first + ", a Python package");
        assertThat(find(Map.of()).library().toString()).endsWith(NAMES.get(1));
    }

    @Test
    void a_file_that_is_no_library_is_passed_over() throws IOException {
        Files.writeString(place("usr/local/cuda/lib64", NAMES.get(0)), "not a library");
        assertThat(find(Map.of())).isNull();
        assertThat(new LibrarySearch(NAMES, root, Map.of()).places())
                .isEqualTo("libclozetest.so.13 or libclozetest.so.12 is neither known to the loader nor in "
                        + root.resolve("usr/local/cuda*/lib64") + " nor in nvidia/*/lib of Python's packages");
    }

    @Test
    void own_kernels_can_be_asked_for() {
        System.setProperty(CHOICE, "own");
        try (Backend backend = Backends.open("cuda", BackendOptions.DEFAULT)) {
            assertThat(backend.description())
                    .contains(", matrix multiplication by own kernels (cloze.cuda.matmul=own), ");
        }
    }

    @Test
    void what_is_asked_for_and_missing_is_an_error() {
        System.setProperty(CHOICE, "cublasLt");
        System.setProperty(LIBRARY, root.resolve("libcublasLt.so.13").toString());
        assertThatThrownBy(() -> Backends.open("cuda", BackendOptions.DEFAULT))
                .isInstanceOf(BackendException.class)
                .hasMessage("device 'cuda' can not be used: cloze.cuda.cublasLt=" + root.resolve("libcublasLt.so.13")
                        + ", but there is no library that can be loaded");
        System.setProperty(CHOICE, "mkl");
        assertThatThrownBy(() -> Backends.open("cuda", BackendOptions.DEFAULT))
                .hasMessage("device 'cuda' can not be used: cloze.cuda.matmul must be own or cublasLt, but it is mkl");
    }

    @Test
    void a_library_that_is_found_is_taken_unless_own_kernels_are_asked_for() {
        System.setProperty(CHOICE, "");
        System.setProperty(
                LIBRARY,
                Path.of(System.getProperty("cloze.cuda.driver"))
                        .toAbsolutePath()
                        .resolveSibling("libcublasLt.so.13")
                        .toString());
        try (Backend backend = Backends.open("cuda", BackendOptions.DEFAULT)) {
            assertThat(backend.description())
                    .contains("matrix multiplication by cuBLASLt 13.0.0 (")
                    .contains("libcublasLt.so.13, cloze.cuda.cublasLt; cloze.cuda.matmul=own leaves it aside)");
        }
    }
}
