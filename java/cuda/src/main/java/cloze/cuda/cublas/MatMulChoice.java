package cloze.cuda.cublas;

import cloze.backend.BackendException;
import cloze.cuda.driver.Driver;
import cloze.cuda.driver.LibrarySearch;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The implementation of matrix multiplication: cuBLASLt if it is found, else own kernels. The system property {@code
 * cloze.cuda.matmul} chooses {@code own} or {@code cublasLt}; {@code cloze.cuda.cublasLt} is the path of the library.
 *
 * @param library of cuBLASLt, or null for own kernels
 * @param reason why it was chosen, or why it was not found
 */
public record MatMulChoice(LibrarySearch.@Nullable Found library, String reason) {
    private static final String CHOICE = "cloze.cuda.matmul";
    private static final String LIBRARY = "cloze.cuda.cublasLt";

    public static MatMulChoice choose(Driver driver) {
        return choose(driver.cudaVersion());
    }

    /**
     * @param cudaVersion of the driver
     * @throws BackendException if the property has another value, or the library that it asks for is not found
     */
    public static MatMulChoice choose(int cudaVersion) {
        String choice = System.getProperty(CHOICE, "");
        return switch (choice) {
            case "own" -> new MatMulChoice(null, String.format(Locale.ROOT, "%s=own", CHOICE));
            case "", "cublasLt" -> {
                // a library of CUDA 13 needs a driver of CUDA 13
                List<String> names = cudaVersion >= 13
                        ? List.of("libcublasLt.so.13", "libcublasLt.so.12")
                        : List.of("libcublasLt.so.12");
                yield find(LibrarySearch.here(names), !choice.isEmpty());
            }
            default ->
                throw new BackendException(
                        String.format(Locale.ROOT, "%s must be own or cublasLt, but it is %s", CHOICE, choice));
        };
    }

    private static MatMulChoice find(LibrarySearch search, boolean asked) {
        String file = System.getProperty(LIBRARY);
        LibrarySearch.Found found = file != null ? LibrarySearch.at(LIBRARY, file) : search.find();
        if (found == null && asked) {
            throw new BackendException(String.format(Locale.ROOT, "%s=cublasLt, but %s", CHOICE, search.places()));
        }
        String why = asked ? "asked for by " + CHOICE : String.format(Locale.ROOT, "%s=own leaves it aside", CHOICE);
        return new MatMulChoice(found, found != null ? why : search.places());
    }

    /** @param cublasLt the open library, or null */
    public String describe(@Nullable CublasLt cublasLt) {
        return cublasLt == null
                ? String.format(Locale.ROOT, "matrix multiplication by own kernels (%s)", reason)
                : String.format(
                        Locale.ROOT,
                        "matrix multiplication by cuBLASLt %s (%s; %s)",
                        cublasLt.version(),
                        library,
                        reason);
    }
}
