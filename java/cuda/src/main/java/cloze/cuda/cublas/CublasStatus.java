package cloze.cuda.cublas;

import java.util.Locale;

/** The numbers of {@code cublasStatus_t}. */
final class CublasStatus {
    static final int NOT_SUPPORTED = 15;

    private CublasStatus() {}

    /** For example CUBLAS_STATUS_NOT_SUPPORTED (15). */
    static String name(int status) {
        String name = switch (status) {
            case 0 -> "SUCCESS";
            case 1 -> "NOT_INITIALIZED";
            case 3 -> "ALLOC_FAILED";
            case 7 -> "INVALID_VALUE";
            case 8 -> "ARCH_MISMATCH";
            case 11 -> "MAPPING_ERROR";
            case 13 -> "EXECUTION_FAILED";
            case 14 -> "INTERNAL_ERROR";
            case NOT_SUPPORTED -> "NOT_SUPPORTED";
            case 16 -> "LICENSE_ERROR";
            default -> "UNKNOWN";
        };
        return String.format(Locale.ROOT, "CUBLAS_STATUS_%s (%d)", name, status);
    }
}
