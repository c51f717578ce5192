/** Draw the mark, three ears bound into a sheaf; `public/sheaf.svg` is the same as an icon. */
export function SheafMark() {
  return (
    <svg className="sheaf-mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#14532d" />
      <g fill="none" stroke="#f2c14e" strokeWidth="2" strokeLinecap="round">
        <path d="M16 27V12" />
        <path d="M11 26.5C15.5 21 14.5 17 9.5 12.5" />
        <path d="M21 26.5C16.5 21 17.5 17 22.5 12.5" />
      </g>
      <g fill="#f2c14e">
        <path d="M16 4c2.3 2.8 2.3 6.6 0 9.4c-2.3-2.8-2.3-6.6 0-9.4Z" />
        <path d="M6.5 5.5c3.3 1.2 5 4.5 4 8c-3.3-1.2-5-4.5-4-8Z" />
        <path d="M25.5 5.5c-3.3 1.2-5 4.5-4 8c3.3-1.2 5-4.5 4-8Z" />
      </g>
      <path d="M12 20.5h8" stroke="#fff" strokeWidth="2.4" strokeLinecap="round" />
    </svg>
  );
}
