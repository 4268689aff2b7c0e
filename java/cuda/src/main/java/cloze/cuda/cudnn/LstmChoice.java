package cloze.cuda.cudnn;

import cloze.backend.BackendException;
import cloze.cuda.driver.LibrarySearch;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The implementation of LSTM: own kernels, or cuDNN 9 if the system property {@code cloze.cuda.lstm} is {@code cudnn}. It is
 * not the default, since it sums in several streams and may give different bits each time.
 *
 * @param library of cuDNN, or null for own kernels
 * @see <a href="https://docs.pytorch.org/docs/stable/cudnn_rnn_determinism.html">determinism of cuDNN's recurrent layers</a>
 */
public record LstmChoice(LibrarySearch.@Nullable Found library) {
    private static final String CHOICE = "cloze.cuda.lstm";
    private static final String WORKSPACE = "CUBLAS_WORKSPACE_CONFIG";

    /** Values of {@value #WORKSPACE} that give each stream a workspace of its own. */
    private static final List<String> REPEATABLE = List.of(":16:8", ":4096:2");

    /** @throws BackendException if the property has another value, or the library that it asks for is not found */
    public static LstmChoice choose() {
        String choice = System.getProperty(CHOICE, "");
        return switch (choice) {
            case "", "own" -> new LstmChoice(null);
            case "cudnn" -> {
                ConvolutionChoice found =
                        ConvolutionChoice.find(LibrarySearch.here(List.of(ConvolutionChoice.NODE)), false);
                if (found.library() == null) {
                    throw new BackendException(String.format(Locale.ROOT, "%s=cudnn, but %s", CHOICE, found.reason()));
                }
                yield new LstmChoice(found.library());
            }
            default ->
                throw new BackendException(
                        String.format(Locale.ROOT, "%s must be own or cudnn, but it is %s", CHOICE, choice));
        };
    }

    /** @param cudnn the open library, or null */
    public String describe(@Nullable Cudnn cudnn) {
        return cudnn == null || library == null
                ? String.format(Locale.ROOT, "LSTM by own kernels (%s=cudnn uses cuDNN)", CHOICE)
                : String.format(
                        Locale.ROOT,
                        "LSTM in f32 by cuDNN %s (%s; asked for by %s; %s)",
                        cudnn.version(),
                        library,
                        CHOICE,
                        bits(System.getenv(WORKSPACE)));
    }

    /** @param workspace the value of the environment variable, or null */
    static String bits(@Nullable String workspace) {
        return REPEATABLE.contains(String.valueOf(workspace))
                ? String.format(Locale.ROOT, "%s is %s", WORKSPACE, workspace)
                : String.format(
                        Locale.ROOT,
                        "it may give different bits each time, since %s is not %s",
                        WORKSPACE,
                        String.join(" or ", REPEATABLE));
    }
}
